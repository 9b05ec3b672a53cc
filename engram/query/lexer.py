"""Statement text to tokens, each with where it begins.

One regular expression tells all tokens apart; it goes back over no character more than once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from engram.model.errors import QuerySyntaxError
from engram.model.limits import QUERY_CHARACTERS_MAX
from engram.query.places import EXAMPLES, place_of

WORD: Final = "word"
STRING: Final = "string"
NUMBER: Final = "number"
MOMENT: Final = "moment"
SPAN: Final = "span"
PARAMETER: Final = "parameter"
MARK: Final = "mark"
END: Final = "end"
STRANGE: Final = "strange"

# A number, a span or a date ends where a word would end, too: 0190a6b4-5c1e is no number.
_TOKEN: Final = re.compile(
    r"""[ \t\r\n\f\v]*(?:
      (?P<word>[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<moment>\d{4}-\d{2}-\d{2}(?:[Tt]\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d+)?)?)?
        (?:[Zz]|[+-]\d{2}(?::?\d{2})?)?)?(?![\w.:-]))
    | (?P<span>\d+(?:\.\d+)?(?:ms|[smhdw])(?![\w.-]))
    | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.-]))
    | (?P<id>[A-Za-z0-9_-]+)
    | \$(?P<parameter>[A-Za-z_][A-Za-z0-9_]*)
    | "(?P<double>[^"\\]*(?:\\.[^"\\]*)*)"
    | '(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'
    | (?P<mark><=|>=|!=|[=<>(),.\[\]])
    | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_EXAMPLE: Final = f"for example: {EXAMPLES['RECALL']}"
_BLANKS: Final = " \t\r\n\f\v"
_BLANK: Final = re.compile(f"[{_BLANKS}]")
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


class Token(NamedTuple):
    """One token: `key` is what grammar looks at, in capitals for a word; `at` an offset."""

    kind: str
    key: str
    value: Any
    at: int


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a statement, an END last.

    Where something begins no token, that is a STRANGE one and the last: what stands before may be
    wrong already. QuerySyntaxError for what is too long, or escaped wrongly.
    """
    if len(text) > QUERY_CHARACTERS_MAX:
        raise QuerySyntaxError(
            (1, QUERY_CHARACTERS_MAX + 1),
            f"{len(text):,} characters",
            f"at most query_characters_max of {QUERY_CHARACTERS_MAX:,}",
            "long values may come as parameters",
        )
    found: list[Token] = []
    match, at = _TOKEN.match, 0
    while True:
        here = match(text, at)
        if here is None:
            start = _behind_blanks(text, at)
            return [*found, Token(STRANGE, STRANGE, text[start], start)]
        kind, at = here.lastgroup or END, here.end()
        value: Any = here.group(kind)
        start = here.start(kind)
        if kind == WORD:
            found.append(Token(WORD, value.upper(), value, start))
        elif kind == MARK:
            found.append(Token(MARK, value, value, start))
        elif kind in ("double", "single"):
            found.append(Token(STRING, STRING, _unescaped(text, value, start), start - 1))
        elif kind == PARAMETER:
            found.append(Token(PARAMETER, PARAMETER, value, start - 1))
        elif kind == END:
            found.append(Token(END, END, "", start))
            return found
        else:
            found.append(Token(WORD if kind == "id" else kind, kind, value, start))


def spans_of(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield kind, start and end of each token, as far as there are any; for those who look on.

    What begins no token is STRANGE up to the next blank; a text without its end is a STRING.
    """
    match, at = _TOKEN.match, 0
    while at < len(text):
        here = match(text, at)
        if here is not None:
            kind = here.lastgroup or END
            if kind == END:
                return
            at, quoted = here.end(), kind in ("double", "single")
            start = here.start(kind) - (quoted or kind == PARAMETER)
            yield STRING if quoted else WORD if kind == "id" else kind, start, at
            continue
        at = _behind_blanks(text, at)
        if text[at] in "\"'":
            yield STRING, at, len(text)
            return
        end = _BLANK.search(text, at)
        at, start = len(text) if end is None else end.start(), at
        yield STRANGE, start, at


def _unescaped(text: str, body: str, at: int) -> str:
    """Return what a quoted string says; a lone surrogate is no text."""
    if "\\" not in body:
        return body

    def one(found: re.Match[str]) -> str:
        escape = found.group(1)
        place = place_of(text, at + found.start())
        if escape in _ESCAPED:
            return _ESCAPED[escape]
        if len(escape) == 1:
            known = r"one of \n, \t, \r, \\, \", \' and \uXXXX"
            raise QuerySyntaxError(place, f"the escape \\{escape}", known, _EXAMPLE)
        character = chr(int(escape[1:], 16))
        if "\ud800" <= character <= "\udfff":
            raise QuerySyntaxError(
                place, f"half a character, \\{escape}", "the character itself", _EXAMPLE
            )
        return character

    return _ESCAPE.sub(one, body)


def _behind_blanks(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at


def unended(text: str, at: int) -> QuerySyntaxError | None:
    """Return the error for a text without its end, or a $ without a name, at a STRANGE token."""
    place, character = place_of(text, at), text[at]
    if character in "\"'":
        hint = f"write \\{character} where the text itself holds one; {_EXAMPLE}"
        return QuerySyntaxError(place, "a text without its end", f"a closing {character}", hint)
    if character == "$":
        return QuerySyntaxError(place, "$ without a name", "a parameter like $cue", _EXAMPLE)
    return None
