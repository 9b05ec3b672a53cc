"""WordPiece as the uncased BERT models use it.

Source: Wu et al. 2016 (arXiv 1609.08144) for the greedy longest match, and the normalisation of
"BERT uncased" (Devlin et al. 2019): drop control characters, set Han characters apart, strip
accents, lower the case, split at punctuation.

Rule 1: the ids equal those of the `tokenizers` library for every text it accepts, except that
`[CLS]`, `[SEP]` and their like are ordinary characters here: a text cannot smuggle in a marker.
Characters that came to Unicode after version 8 follow Python's newer tables.
Rule 2: lone surrogates, which that library refuses, are dropped like control characters.
Rule 3: the time is linear in the text; a word over WORD_CHARACTERS_MAX is unknown, not searched.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from importlib.resources import files
from typing import Final

WORD_CHARACTERS_MAX: Final = 100
"""Longer words are `[UNK]`; the value of the original tokenizer (`max_input_chars_per_word`)."""

WORDS_CACHED_MAX: Final = 16_384
"""Words whose pieces are remembered; about 3 MB, and Zipf's law makes most look-ups hits."""

UNKNOWN_ID: Final = 100
CLS_ID: Final = 101
SEP_ID: Final = 102
FIRST_WORD_ID: Final = 999
"""Ids below are padding, markers and slots without a word."""

_HAN: Final = re.compile(
    "([\u4e00-\u9fff\u3400-\u4dbf\U00020000-\U0002a6df\U0002a700-\U0002b73f"
    "\U0002b740-\U0002b81f\U0002b920-\U0002ceaf\uf900-\ufaff\U0002f800-\U0002fa1f])"
)
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_INVISIBLE: Final = ("Cc", "Cf", "Co", "Cs")  # not "Cn": the original keeps unassigned ones
_ASCII_CONTROL: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))


class WordPiece:
    """Splits text into the ids of a BERT vocabulary.

    `vocabulary` maps a piece to its id; pieces that continue a word begin with `##`.
    """

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self._starts = {p: i for p, i in vocabulary.items() if not p.startswith("##")}
        self._rests = {p[2:]: i for p, i in vocabulary.items() if p.startswith("##")}
        self._piece_characters_max = max(map(len, vocabulary))
        self._cached: dict[str, tuple[int, ...]] = {}

    def __contains__(self, piece: str) -> bool:
        """Say whether a word can begin with `piece` as one whole entry of the vocabulary."""
        return piece in self._starts

    def ids(self, text: str) -> list[int]:
        """Return the ids of the pieces of `text`, without `[CLS]` and `[SEP]`."""
        ids: list[int] = []
        for word in words(text):
            ids.extend(self.pieces(word))
        return ids

    def pieces(self, word: str) -> tuple[int, ...]:
        """Return the ids of one word as `words` yields it; `(UNKNOWN_ID,)` if it cannot be cut."""
        pieces = self._cached.get(word)
        if pieces is None:
            pieces = self._cut(word)
            if len(self._cached) >= WORDS_CACHED_MAX:
                self._cached = {}  # a new dict: another thread may be reading the old one
            self._cached[word] = pieces
        return pieces

    def _cut(self, word: str) -> tuple[int, ...]:
        if len(word) > WORD_CHARACTERS_MAX:
            return (UNKNOWN_ID,)
        ids: list[int] = []
        entries, start = self._starts, 0
        while start < len(word):
            end = min(len(word), start + self._piece_characters_max)
            while end > start and word[start:end] not in entries:
                end -= 1
            if end == start:
                return (UNKNOWN_ID,)
            ids.append(entries[word[start:end]])
            entries, start = self._rests, end
        return tuple(ids)


def words(text: str) -> list[str]:
    """Return the lower-case, accent-free words and punctuation marks of `text`, in order."""
    if text.isascii():
        return _ASCII_WORD.findall(text.translate(_ASCII_CONTROL).lower())
    cleaned = "".join(map(_clean, text))
    parted = _HAN.sub(r" \1 ", cleaned)
    bare = "".join(c for c in unicodedata.normalize("NFD", parted) if not _is_mark(c))
    # Case is lowered letter by letter, as the original does: no final sigma.
    return "".join(map(_lower_and_part, bare)).split()


@functools.cache
def load_vocabulary() -> dict[str, int]:
    """Return the 30,522 pieces of the uncased English BERT vocabulary with their ids."""
    text = (files(__package__) / "vocabulary.txt").read_text(encoding="utf-8")
    return {piece: position for position, piece in enumerate(text.split("\n")[:-1])}


@functools.lru_cache(8192)
def _clean(character: str) -> str:
    """Return the character, a space for any white space, nothing for what cannot be seen."""
    if character in "\t\n\r" or character.isspace():
        # The separators U+001C to U+001F are spaces to Python and control characters to Unicode.
        return "" if "\x1c" <= character <= "\x1f" or character in "\x0b\x0c\x85" else " "
    if character == "\ufffd" or unicodedata.category(character) in _INVISIBLE:
        return ""
    return character


@functools.lru_cache(8192)
def _is_mark(character: str) -> bool:
    return unicodedata.category(character) == "Mn"


@functools.lru_cache(8192)
def _lower_and_part(character: str) -> str:
    """Return the lower case of the character, between spaces when it is punctuation."""
    lower = character.lower()
    is_ascii_mark = character.isascii() and not character.isalnum() and not character.isspace()
    is_mark = is_ascii_mark or unicodedata.category(character).startswith("P")
    return f" {lower} " if is_mark else lower
