"""A script for the shell: statements that come by standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from anyio import to_thread

from engram.edges.cli.shell.orders import carry_out
from engram.edges.cli.shell.pointing import pointed
from engram.edges.cli.shell.statements import Gatherer
from engram.model.errors import InvalidRequest, QuerySyntaxError
from engram.model.limits import QUERY_CHARACTERS_MAX

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.edges.cli.shell.talk import Talk


async def run_script(talk: Talk, session: Session) -> None:
    """Carry out statement by statement, each as soon as it has come, up to the first that fails.

    Raises:
        InvalidRequest: standard input is not UTF-8, or a statement is too long or wrong.
        What `Space.query` raises.
    """
    gatherer = Gatherer()
    number = 0
    while True:
        line = await to_thread.run_sync(sys.stdin.buffer.readline, QUERY_CHARACTERS_MAX * 4)
        number += 1
        statements = gatherer.feed(_text(line, number)) if line else gatherer.end()
        for statement in statements:
            try:
                await carry_out(talk, statement)
            except QuerySyntaxError as error:
                if talk.form == "table":
                    sys.stdout.flush()
                    where = pointed(talk.asked, error, session.errors.width)
                    session.errors.print(where, style="red", soft_wrap=True)
                raise
            if talk.is_over:
                return
        if not line:
            return


def _text(line: bytes, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"line {number} of standard input is not UTF-8 (byte {error.start}); convert it first, "
            "for example with `iconv -t UTF-8`"
        ) from error
