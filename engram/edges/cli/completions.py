"""The command that lets a shell complete this program's words: completions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from cyclopts import App

# What cyclopts prints for zsh only defines the function. The file that zsh finds is run for the
# first word to be completed, and has to complete it; one that is sourced has to say for what it is.
_ENDS: Final = {
    "zsh": """
if [[ ${funcstack[1]} == _engram ]]; then
  _cyclopts_engram "$@"
else
  compdef _cyclopts_engram engram
fi
"""
}


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
        sys.stdout.write(self._app.generate_completion(shell=shell) + _ENDS.get(shell, ""))
        return 0
