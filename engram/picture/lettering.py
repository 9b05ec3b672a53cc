"""Texts in pictures: how wide they are, where they break, and how they are written safely."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Shares of the font size, as wide as the common sans-serif fonts have them or a little wider: a
# line may end early, never outside its box.
_NARROW: Final = frozenset("iIjlft.,:;'|!()[]{} `")
_WIDE: Final = frozenset("mwMW@%&")
_NARROW_EM: Final = 0.36
_WIDE_EM: Final = 0.96
_CAPITAL_EM: Final = 0.72
_OTHER_EM: Final = 0.59
_FULL_EM: Final = 1.05
_LATIN_MAX: Final = 0x2FF
_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"

# What XML 1.0 cannot hold, and marks that turn the direction of all that follows.
_UNFIT: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
_ENTITIES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
)


def escaped(text: str) -> str:
    """Return a text as it may stand in an element or a quoted attribute of XML and HTML."""
    return _UNFIT.sub("", text).translate(_ENTITIES)


def width(text: str, size: float) -> float:
    """Return about how wide a text is, in the unit of the font size."""
    return sum(map(_em, text)) * size


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if character in _NARROW:
        return _NARROW_EM
    if character in _WIDE:
        return _WIDE_EM
    if character.isupper() or character.isdigit():
        return _CAPITAL_EM
    if ord(character) > _LATIN_MAX and unicodedata.east_asian_width(character) in "WF":
        return _FULL_EM
    return _OTHER_EM if ord(character) <= _LATIN_MAX else _CAPITAL_EM


def lines_of(text: str, room: float, size: float, count: int) -> list[str]:
    """Return a text in at most `count` lines no wider than `room`; what is left out is marked."""
    words = _UNFIT.sub("", text).split()
    lines: list[str] = []
    while words and len(lines) < count:
        line, words = _line(words, room, size)
        lines.append(line)
    if words:
        lines[-1] = cut(f"{lines[-1]} {words[0]}", room, size, is_more=True)
    return lines


def cut(text: str, room: float, size: float, *, is_more: bool = False) -> str:
    """Return a text, or its beginning and an ellipsis, no wider than `room`."""
    if not is_more and width(text, size) <= room:
        return text
    room -= width(_ELLIPSIS, size)
    end, so_far = 0, 0.0
    for character in text:
        so_far += _em(character) * size
        if so_far > room:
            break
        end += 1
    return text[:end].rstrip(" ,;:.") + _ELLIPSIS


def _line(words: list[str], room: float, size: float) -> tuple[str, list[str]]:
    """Return as many words as fit in a line, at least a part of one, and those that are left."""
    line = words[0]
    if width(line, size) > room:
        end, so_far = 0, 0.0
        for character in line:
            so_far += _em(character) * size
            if so_far > room and end:
                break
            end += 1
        rest = [line[end:]] if line[end:] else []
        return line[:end], rest + words[1:]
    taken = 1
    while taken < len(words) and width(f"{line} {words[taken]}", size) <= room:
        line = f"{line} {words[taken]}"
        taken += 1
    return line, words[taken:]
