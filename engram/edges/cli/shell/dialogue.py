"""A talk at a terminal: ask, answer, ask again; an error or ctrl-c ends a statement, no more."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import CancelScope, create_task_group, open_signal_receiver

from engram.edges.cli.shell.orders import carry_out
from engram.edges.cli.shell.pointing import pointed
from engram.edges.cli.shell.prompt import Prompt
from engram.edges.cli.shell.statements import statements_of
from engram.model.errors import EngramError, QuerySyntaxError

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.edges.cli.shell.talk import Talk


class _Running:
    """The statement that is carried out, if one is."""

    def __init__(self) -> None:
        self.scope: CancelScope | None = None

    async def stop_when_interrupted(self) -> None:
        """Cancel what is carried out whenever ctrl-c is pressed."""
        with open_signal_receiver(signal.SIGINT) as signals:
            async for _ in signals:
                if self.scope is not None:
                    self.scope.cancel()


async def dialogue(talk: Talk, session: Session, history: Path | None) -> None:
    """Carry out what is typed until somebody leaves."""
    prompt = Prompt(talk, history)
    talk.say(f"{prompt.note}\\help lists what there is; ctrl-d leaves.")
    running = _Running()
    async with create_task_group() as group:
        group.start_soon(running.stop_when_interrupted)
        while not talk.is_over:
            try:
                text = await prompt.read()
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            await _carry_out(talk, session, running, text)
        group.cancel_scope.cancel()


async def _carry_out(talk: Talk, session: Session, running: _Running, text: str) -> None:
    """Carry out the statements of a text up to the first that fails or is stopped."""
    for statement in statements_of(text):
        scope = running.scope = CancelScope()
        try:
            with scope:
                await carry_out(talk, statement)
        except EngramError as error:
            if isinstance(error, QuerySyntaxError):
                where = pointed(talk.asked, error, session.errors.width)
                session.errors.print(where, style="red", soft_wrap=True)
            session.errors.print(f"{error.code}: {error}", style="red")
            return
        finally:
            running.scope = None
        if scope.cancelled_caught:
            session.errors.print("stopped", style="red")
            return
        if talk.is_over:
            return
