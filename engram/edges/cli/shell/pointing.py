"""Where in a statement an error is: its line, and a caret below the column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

if TYPE_CHECKING:
    from engram.model.errors import QuerySyntaxError

# What is shown of a longer line in front of the place; behind it as much as there is room for.
_LEAD_CHARACTERS: Final = 30


def pointed(statement: str, error: QuerySyntaxError, columns: int) -> str:
    """Return the line with the error and a caret below its column, cut to so many columns."""
    line = statement.split("\n")[error.line - 1].translate(_BLANKS)
    at = error.column - 1
    start = 0 if cell_len(line) < columns else max(0, at - _LEAD_CHARACTERS)
    before, behind = line[start:at], line[at:]
    while behind and cell_len(before) + cell_len(behind) >= columns:
        behind = behind[: min(len(behind) - 1, columns)]
    return f"{before}{behind}\n{' ' * cell_len(before)}^"


_BLANKS: Final = dict.fromkeys((*range(32), 127), " ")
