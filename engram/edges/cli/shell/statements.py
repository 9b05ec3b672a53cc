"""Where statements end in what is typed or piped: at `;`, or where nothing more is needed."""

from __future__ import annotations

import re
from typing import Final

from engram.model.errors import InvalidRequest, QuerySyntaxError
from engram.model.limits import QUERY_CHARACTERS_MAX
from engram.query.lexer import spans_of
from engram.query.parser import parse
from engram.query.places import EXAMPLES
from engram.query.syntax import EXPLAIN, PROFILE

ORDER: Final = "\\"
"""What an order to the shell itself begins with."""

_LEADING: Final = frozenset((*EXAMPLES, EXPLAIN, PROFILE))
_THE_END: Final = "the end"
_OPEN_TEXT: Final = "a text without its end"
# What stands before the statement in the orders that have one; others take the rest of their line.
_BEFORE: Final = re.compile(r"\s*\\(?:explain|profile|graph\s+(?:\"[^\"]*\"|'[^']*'|\S+))\s+")
# What is quoted counts as quoted to the end where nothing ends it.
_PIECE: Final = re.compile(
    r""" "[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z) | '[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z) | ; | [^"';]+ """,
    re.DOTALL | re.VERBOSE,
)


class Gatherer:
    """Gathers lines to statements.

    A statement ends at a `;`, at an empty line, and before a line that begins another one where
    nothing more is needed. An order ends with its line, unless it has a statement.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, line: str) -> list[str]:
        """Return the statements that a line, with its line feed, ends."""
        found = []
        if not line.strip():
            is_between = _lack(self._rest) != _OPEN_TEXT
        else:
            is_between = _begins(line) and not is_unfinished(self._rest)
        if is_between:
            found += self.end()
        if not self._rest and _is_order(line) and _BEFORE.match(line) is None:
            return [*found, line]
        more, self._rest = _cut(self._rest + line)
        if len(self._rest) > QUERY_CHARACTERS_MAX:  # no statement any more, whatever follows
            more += self.end()
        return found + more

    def end(self) -> list[str]:
        """Return the statement that is left when nothing follows."""
        rest, self._rest = self._rest, ""
        return [rest] if rest.strip() else []


def statements_of(text: str) -> list[str]:
    """Return the statements and orders of a whole text."""
    gatherer, found = Gatherer(), []
    for line in text.split("\n"):
        found += gatherer.feed(f"{line}\n")
    return found + gatherer.end()


def last_of(text: str) -> str:
    """Return the statement that a text ends in, without the order before it."""
    rest = _cut(text)[1]
    before = _BEFORE.match(rest)
    return rest if before is None else rest[before.end() :]


def is_unfinished(text: str) -> bool:
    """Whether what was typed so far ends in a statement that has to go on."""
    return bool(_lack(text))


def _lack(text: str) -> str:
    """Return what an unfinished statement ran into: its end, or that of a text; else nothing."""
    rest = last_of(text)
    if not rest.strip() or _is_order(rest):
        return ""
    try:
        parse(rest)
    except QuerySyntaxError as error:
        return error.found if error.found in (_THE_END, _OPEN_TEXT) else ""
    except InvalidRequest:
        return ""
    return ""


def _cut(text: str) -> tuple[list[str], str]:
    """Return the statements that a `;` outside of quotes ends, and what stands behind the last."""
    found: list[str] = []
    begun = 0
    for piece in _PIECE.finditer(text):
        if piece.group() == ";":
            found.append(text[begun : piece.start()])
            begun = piece.end()
    rest = text[begun:]
    return [each for each in found if each.strip()], rest if rest.strip() else ""


def _is_order(text: str) -> bool:
    return text.lstrip().startswith(ORDER)


def _begins(line: str) -> bool:
    """Whether a line begins with what only the beginning of a statement has."""
    first = next(spans_of(line), None)
    is_word = first is not None and line[first[1] : first[2]].upper() in _LEADING
    return is_word or _is_order(line)
