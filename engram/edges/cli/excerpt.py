"""The part of a text worth a glance: where most of the cue's words stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

# 60 characters in front of the first shared word: enough to see what it is about.
_LEAD_CHARACTERS: Final = 60
_WORD: Final = re.compile(r"\w+")


def places(text: str, terms: Sequence[str]) -> list[tuple[int, int, str]]:
    """Return (start, end, term) of each word of `text` that begins with one of the word stems."""
    stems = [term.casefold() for term in terms]
    found = []
    for match in _WORD.finditer(text):
        word = match.group().casefold()
        stem = next((s for s in stems if _same_word(word, s)), None)
        if stem is not None:
            found.append((match.start(), match.end(), stem))
    return found


def _same_word(word: str, stem: str) -> bool:
    """Whether `word` may have `stem` as its Snowball stem (citi: city, cities; mine: mines)."""
    if word.startswith(stem):
        return len(word) <= len(stem) + 4
    return stem.endswith("i") and word.startswith(stem[:-1]) and len(word) <= len(stem) + 3


def excerpt(text: str, terms: Sequence[str], characters_max: int) -> str:
    """Return at most `characters_max` characters of `text` on one line, whole words, with `…`.

    The cut begins shortly before the place where most different `terms` stand close together, at
    the start of a sentence or, failing that, of a word.
    """
    line = " ".join(text.split())
    if len(line) <= characters_max:
        return line
    start = _start(line, terms, characters_max)
    head = "… " if start else ""
    room = characters_max - len(head)
    if len(line) - start <= room:
        return head + line[start:]
    return head + _cut(line[start:], room - 2) + " …"


def _cut(text: str, room: int) -> str:
    """Return the whole words at the start of `text` that fit into `room` characters."""
    if len(text) <= room:
        return text
    space = text.rfind(" ", 0, room + 1)
    return text[: space if space > room // 2 else room].rstrip(" ,;:-")


def _start(line: str, terms: Sequence[str], window: int) -> int:
    found = places(line, terms)
    best, best_count = 0, len({t for _, end, t in found if end <= window - 2})
    for first, _, _ in found:
        start = _boundary(line, max(0, first - _LEAD_CHARACTERS), first)
        inside = {t for at, end, t in found if at >= start and end <= start + window - 4}
        if len(inside) > best_count:
            best, best_count = start, len(inside)
    return best


def _boundary(line: str, low: int, high: int) -> int:
    """Return the start of a sentence in line[low:high], else of the first word there."""
    if low == 0:
        return 0
    starts = [low + 1 + m.end() for m in re.finditer(r"[.!?][\"”)]* ", line[low + 1 : high])]
    if starts:
        return starts[-1]
    space = line.find(" ", low, high)
    return high if space < 0 else space + 1


def runs(text: str, terms: Sequence[str]) -> list[tuple[str, bool]]:
    """Return `text` cut into runs, each with whether it is a word that shares a stem."""
    edges = [0]
    for start, end, _ in places(text, terms):
        edges += [start, end]
    edges.append(len(text))
    return [(text[a:b], number % 2 == 1) for number, (a, b) in enumerate(pairwise(edges)) if a < b]
