"""What the parser would take behind a text that is not yet a statement.

The parser itself is asked: it reads the text with a token behind it that fits nowhere, and what it
looked for there in vain is the answer. So no second grammar can fall behind the first.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from engram.model.errors import InvalidRequest, QuerySyntaxError
from engram.query.cursor import Cursor
from engram.query.lexer import STRANGE, Token
from engram.query.parser import statement_of

_OPEN: Final = "open"

WORDS: Final = frozenset(
    {
        *("AFTER", "AGO", "AND", "AS", "ASC", "ASSOCIATIONS", "BASED", "BASE_RATE", "BEFORE"),
        *("BELIEFS", "BETWEEN", "BOTH", "BY", "COMPLETE", "CONCEPTS", "CONFIDENCE", "CONSOLIDATE"),
        *("CONTAINS", "CONTRADICTIONS", "DEADLINE", "DECAY", "DESC", "DIRECTION", "EXPLAIN"),
        *("FROM", "GIVEN", "HAS", "HORIZON", "IMAGINE", "IN", "INTO", "LIMIT", "MATCHES"),
        *("MAX_HOPS", "NOT", "NOVELTY", "OF"),
        *("OFFSET", "ON", "OR", "ORDER", "OUT", "PATHS", "PREDICT", "PROFILE", "RECALL"),
        *("SHORTEST", "SHOW", "SPACE", "SPACES", "SPREAD", "STATS", "STRONGEST", "THRESHOLD"),
        *("TO", "VIA", "WHERE"),
    }
)
"""The words of the language, in capitals."""


class Expected(NamedTuple):
    """What fits at a place, told apart by what it is; each in the order of the grammar."""

    words: tuple[str, ...] = ()
    """Words of the language and marks, such as ORDER BY or <=."""
    names: tuple[str, ...] = ()
    """Names out of a list, such as the kinds of associations."""
    values: tuple[str, ...] = ()
    """Which values fit, in words."""


NOTHING: Final = Expected()
"""What fits in the middle of a quoted text, or behind what cannot be read."""


class _Reached(InvalidRequest):
    """Raised at the end of a text, with what was looked for there; never leaves this module."""

    def __init__(self, wanted: tuple[str, ...]) -> None:
        super().__init__("the end")
        self.wanted = wanted


class _Probe(Cursor):
    """A cursor over a text that goes on with something no statement has."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        if self._tokens[-1].kind == STRANGE:
            raise self.error("another character", token=self._tokens[-1])
        self._tokens[-1] = Token(_OPEN, _OPEN, "", len(text))
        self.token = self._tokens[0]
        self.key = self.token.key

    def error(self, *expected: str, hint: str = "", token: Token | None = None) -> QuerySyntaxError:
        """Return what is wrong; _Reached when it stands at the end."""
        if token is None and self.token.kind == _OPEN:
            raise _Reached(tuple(dict.fromkeys([*self._tried, *expected])))
        return super().error(*expected, hint=hint, token=token)


def expected_behind(text: str) -> Expected:
    """Return what the parser would take behind a text; nothing where it cannot read the text."""
    try:
        statement_of(_Probe(text))
    except _Reached as reached:
        return _sorted(reached.wanted)
    except InvalidRequest:
        pass
    return NOTHING


def _sorted(wanted: tuple[str, ...]) -> Expected:
    words: list[str] = []
    names: list[str] = []
    values: list[str] = []
    for each in wanted:
        said, _, listed = each.partition(": ")
        if set(each.split()) <= WORDS or not any(map(str.isalnum, each)):
            words.append(each)
        elif listed and all(map(_is_name, listed.split(", "))):
            names += listed.split(", ")
            values.append(said)
        elif each != "the end":
            values.append(each)
    return Expected(tuple(words), tuple(names), tuple(values))


def _is_name(word: str) -> bool:
    return word.isidentifier() or word == "metadata.<name>"
