"""The command that lets a shell complete this program's words: completions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from cyclopts import App


class CompletionCommands:
    """A command that knows all the others."""

    def __init__(self, app: App) -> None:
        self._app = app

    def completions(
        self,
        shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="For which shell.")],
        /,
    ) -> int:
        """Print what makes a shell complete commands and options: put it where the shell looks."""
        sys.stdout.write(self._app.generate_completion(shell=shell))
        return 0
