"""`engram shell`: at a terminal a prompt, else a script that comes by standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from engram.edges.cli.answers import AnswerForm, Budget, Form, Parameters, parameter
from engram.edges.cli.options import SpacePlace

if TYPE_CHECKING:
    from engram.edges.cli.session import Session

_HERE = SpacePlace()


class ShellCommands:
    """The command that takes statement after statement."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def shell(
        self,
        *,
        param: Parameters = (),
        format: AnswerForm = "table",  # noqa: A002 - it is what the option is called
        budget_ms: Budget = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """Ask in the query language, statement by statement, at a prompt or from a pipe."""
        settings = place.settings()
        parameters = dict(map(parameter, param))
        form: Form = "json" if place.json else format

        async def command() -> int:
            from engram.edges.cli.shell.talk import Talk  # noqa: PLC0415 - not for --help

            async with self._session.store(settings) as store:
                talk = Talk(
                    self._session,
                    store,
                    space=settings.memory_space,
                    form=form,
                    parameters=parameters,
                    budget_ms=budget_ms,
                )
                if sys.stdin.isatty() and sys.stdout.isatty():
                    from engram.edges.cli.shell.dialogue import dialogue  # noqa: PLC0415 - as above

                    await dialogue(talk, self._session, settings.shell_history_path)
                else:
                    from engram.edges.cli.shell.script import run_script  # noqa: PLC0415 - as above

                    await run_script(talk, self._session)
            return 0

        return int(self._session.run(command))
