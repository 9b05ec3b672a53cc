"""A place in the tokens of a statement: looks, moves on, and says what would have fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from engram.model.conditions import Parameter, Span
from engram.model.errors import QuerySyntaxError
from engram.query.lexer import (
    END,
    MARK,
    MOMENT,
    NUMBER,
    PARAMETER,
    SPAN,
    STRANGE,
    STRING,
    WORD,
    Token,
    tokens_of,
    unended,
)
from engram.query.places import EXAMPLES, place_of
from engram.query.roles import CHECKS, ago_of, is_unit, plain, time

_SHOWN_CHARACTERS: Final = 40
_NAMED: Final = ("memory", "space", "concept")
"""Roles of what has a name of its own, which may look like a number or a time."""
_OPERATORS_MEANT: Final = {"=>": ">=", "=<": "<=", "==": "=", "<>": "!="}
_STRANGE_HINTS: Final = {
    ";": "one statement at a time, without a ; behind it",
    **dict.fromkeys("\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb", "a text is put in \" or '"),
}
_NAMES: Final = frozenset((WORD, NUMBER, MOMENT, SPAN))


class Cursor:
    """Reads the tokens of one statement, front to back.

    What was looked for in vain at the token it stands on is remembered: an error names it.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._at = 0
        self.token: Token = self._tokens[0]
        self.key: str = self.token.key
        self._tried: list[str] = []
        self.example = EXAMPLES["RECALL"]
        """A statement that would be understood, for errors."""

    def move(self) -> Token:
        """Return the token it stands on and go to the next."""
        token = self.token
        if token.kind != END:
            self._at += 1
            self.token = self._tokens[self._at]
            self.key = self.token.key
            if self._tried:
                self._tried.clear()
        return token

    def take(self, key: str) -> bool:
        """Whether it stood on this word or mark, and is behind it now."""
        if self.key == key:
            self.move()
            return True
        self._tried.append(key)
        return False

    def hope(self, said: str) -> None:
        """Note what would have fitted here, too."""
        self._tried.append(said)

    def expect(self, key: str) -> None:
        """Go behind this word or mark; QuerySyntaxError when something else is there."""
        if not self.take(key):
            raise self.error()

    def one_of(self, keys: Sequence[str]) -> str | None:
        """Return which of some words or marks it stood on, and is behind now."""
        if self.key in keys:
            return self.move().key
        self._tried.extend(keys)
        return None

    def error(self, *expected: str, hint: str = "", token: Token | None = None) -> QuerySyntaxError:
        """Return what is wrong at a token, by default the one it stands on."""
        tried = [] if token is not None else self._tried
        token = token or self.token
        if token.kind == STRANGE:
            said = unended(self._text, token.at)
            if said is not None:
                return said
            hint = _STRANGE_HINTS.get(token.value, hint)
        wanted = list(dict.fromkeys([*tried, *expected]))
        told = f"{', '.join(wanted[:-1])} or {wanted[-1]}" if len(wanted) > 1 else wanted[0]
        hints = [hint or self._meant(token, wanted)]
        if self.example:
            hints.append(f"for example: {self.example}")
        place = place_of(self._text, token.at)
        return QuerySyntaxError(place, _shown(token), told, "; ".join(filter(None, hints)))

    def misnamed(self, known: Sequence[str], what: str) -> QuerySyntaxError:
        """Return the error for a name that is none of those there are."""
        meant = _nearest(str(self.token.value), known)
        hint = f"did you mean {meant}?" if meant else ""
        return self.error(f"{what}: {', '.join(known)}", hint=hint)

    def _meant(self, token: Token, wanted: Sequence[str]) -> str:
        before = self._tokens[self._at - 1] if self._at else token
        if before.kind == MARK and before.at + len(before.key) == token.at:
            meant = _OPERATORS_MEANT.get(before.key + token.key)
            if meant is not None:
                return f"did you mean {meant}?"
        if before.kind == MOMENT and token.kind == NUMBER:
            return "a time of day is joined to its day by a T: 2026-03-14T15:09"
        if token.kind not in (WORD, STRING):
            return ""
        words = [word for each in wanted for word in each.partition(": ")[2].split(", ")]
        words = [word for word in words if word.isidentifier()]  # names out of a list
        if token.kind == WORD:
            words += [word for each in wanted for word in each.split() if word.isupper()]
        meant = _nearest(token.value, words)
        return f"did you mean {meant}?" if meant else ""

    def value(self, role: str) -> Any:
        """Return the value it stands on, checked for its role, and go behind it."""
        token = self.token
        if token.kind == PARAMETER:
            return Parameter(self.move().value, role)
        return self.checked(role, self._written(role), token)

    def checked(self, role: str, value: object, token: Token) -> Any:
        """Return what the check of a role makes of the value that a token begins."""
        try:
            return CHECKS[role](value)
        except ValueError as error:
            raise self.error(str(error), token=token) from None

    def _written(self, role: str) -> object:
        """Return a literal and go behind it."""
        token = self.token
        if token.kind == STRING:
            return self.move().value
        if token.kind == NUMBER:
            return self._ago(role, self._number(self.move()), token)
        if token.kind == SPAN:
            self.move()
            return self._span(role, token)
        if token.kind == MOMENT:
            if role not in ("time", *_NAMED):
                hint = "a time compares with created and occurred; a text is put in quotes"
                raise self.error(_wanted(role), hint=hint)
            return self.move().value
        return self._named(role, token)

    def _named(self, role: str, token: Token) -> object:
        """Return what a bare word says: a name, true, false or now."""
        is_name = token.kind == WORD and role in (*_NAMED, "association kind")
        if is_name or (token.key == "NOW" and role == "time"):
            return self.move().value
        if token.key in ("TRUE", "FALSE"):
            return self.move().key == "TRUE"
        hint = f'a text is put in quotes: "{token.value}"' if token.kind == WORD else ""
        raise self.error(_wanted(role), hint=hint)

    def _number(self, token: Token) -> int | float:
        try:
            return int(token.value)
        except ValueError:
            pass
        if token.value.lstrip("+-").isdigit():  # more digits than Python turns into a number
            raise self.error("a number of fewer digits", token=token)
        return float(token.value)

    def _ago(self, role: str, number: float, token: Token) -> object:
        """Return a number, a name that looks like one, or so many units ago."""
        if role in _NAMED:
            return token.value
        if role != "time" or self.token.kind != WORD or not is_unit(self.token.value):
            return number
        unit = self.move()
        found = ago_of(number, unit.value)
        self.expect("AGO")
        return found

    def _span(self, role: str, token: Token) -> object:
        if role in _NAMED:
            return token.value
        if role == "time":
            self.expect("AGO")
            return time(f"{token.value} ago")
        digits = token.value.rstrip("mshdw")
        return Span(plain(float(digits)), token.value[len(digits) :])

    def names(self, role: str) -> tuple[Any, ...]:
        """Return one value or several with commas between them."""
        found = [self.value(role)]
        while self.take(","):
            found.append(self.value(role))
        return tuple(found)


def _wanted(role: str) -> str:
    """Return what a role expects, in words."""
    try:
        CHECKS[role](None)
    except ValueError as error:
        return str(error)
    return "a value"


def _shown(token: Token) -> str:
    if token.kind == END:
        return "the end"
    said = str(token.value)
    short = said if len(said) <= _SHOWN_CHARACTERS else f"{said[:_SHOWN_CHARACTERS]}..."
    if token.kind == STRING:
        return f"the text {short!r}"
    return f"${short}" if token.kind == PARAMETER else repr(short)


def _nearest(word: str, known: Sequence[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - for errors only

    spelled = {each.lower(): each for each in known}
    begun = [each for each in spelled if each.startswith((f"{word.lower()}_", f"{word.lower()}s"))]
    if len(begun) == 1:  # MAX HOPS is nearer to MAX_HOPS than to AS
        return spelled[begun[0]]
    found = get_close_matches(word.lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None
