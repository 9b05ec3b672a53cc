"""What a text is made of for the static embedder: weighted rows of its table.

Rule 1: an ASCII word is its WordPiece tokens and nothing else, so English is untouched.
Rule 2: what the uncased vocabulary does not know or has lost (accents, most scripts, emoji) is
hashed: character n-grams pick rows of random signs behind the token rows, by a hash that is the
same on every machine and run.
Rule 3: a piece of text has the same features wherever it stands, so they are cached.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from hashlib import blake2b
from typing import Final, TypeAlias

from engram.adapters.embedders.wordpiece import (
    FIRST_WORD_ID,
    WordPiece,
    load_vocabulary,
    words,
)

Features: TypeAlias = tuple[tuple[int, ...], tuple[float, ...]]
"""Rows of the table and, beside each, its share."""

BUCKET_COUNT: Final = 8192
"""Rows of random signs that n-grams share; two n-grams meet with a chance of 1 in 8192."""

CHUNKS_CACHED_MAX: Final = 16_384
"""Pieces of text whose features are remembered; about 6 MB when full."""

CHUNK_CHARACTERS_MAX: Final = 128
"""Longer runs without a space are cut, so that no step below is slow on hostile text."""

HASHED_SHARE: Final = 1.0
"""Share of the n-grams of a word beside its tokens: half meaning, half spelling.

With 0.5 the cue "cái bàn" came nearer to "cai ban o day" than to "cái bàn ở đây".
"""

_WHOLE, _TRIGRAMS = 0.6, 0.8  # squares add up to 1: a word's n-grams have length 1 together
_SINGLE, _PAIR = 0.5, 0.8  # of an unspaced script: pairs are its words, more or less

_CHUNK: Final = re.compile(
    r"[a-z0-9]++(?![^\s\x00-\x7f])|[!-/:-@\[-`{-~]|"
    rf"[^\s!-/:-@\[-`{{-~]{{1,{CHUNK_CHARACTERS_MAX}}}"
)
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]")
_UNSPACED: Final = re.compile(
    "[\u3005-\u3007\u3031-\u3035\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7af\u1100-\u11ff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
)
_EMOJI_STYLE: Final = re.compile("[\ufe00-\ufe0f\u200d\U0001f3fb-\U0001f3ff]")


class FeatureReader:
    """Reads texts as rows of the table; safe to use from several threads at once."""

    def __init__(self) -> None:
        self._wordpiece = WordPiece(load_vocabulary())
        self._token_count = len(load_vocabulary()) - FIRST_WORD_ID
        self._cached: dict[str, Features] = {}

    def read(self, text: str) -> Features:
        """Return the features of `text`; those of the empty text when nothing is in it."""
        lower = text.lower()
        chunks = (_ASCII_WORD if text.isascii() else _CHUNK).findall(lower)
        found = [self._chunk(chunk) for chunk in chunks]
        rows = tuple(itertools.chain.from_iterable([rows for rows, _ in found]))
        if not rows:
            return (self._bucket(""),), (1.0,)
        return rows, tuple(itertools.chain.from_iterable([shares for _, shares in found]))

    def _chunk(self, chunk: str) -> Features:
        features = self._cached.get(chunk)
        if features is None:
            features = self._read_chunk(chunk)
            if len(self._cached) >= CHUNKS_CACHED_MAX:
                self._cached = {}  # a new dict: another thread may be reading the old one
            self._cached[chunk] = features
        return features

    def _read_chunk(self, chunk: str) -> Features:
        shares: list[tuple[int, float]] = []
        if chunk.isascii():
            shares += self._ascii_word(chunk)
        else:
            plain = unicodedata.normalize("NFKC", _EMOJI_STYLE.sub("", chunk)).lower()
            plain = unicodedata.normalize("NFC", plain)
            for kind, letters in itertools.groupby(plain, key=_kind):
                part = "".join(letters)
                if kind == "unspaced":
                    shares += self._unspaced(part)
                elif kind == "word":
                    shares += self._word(part)
                elif kind == "symbol":
                    shares += self._symbols(part)
        return tuple(row for row, _ in shares), tuple(share for _, share in shares)

    def _tokens(self, text: str) -> list[int]:
        """Return the table rows of the known pieces of `text`."""
        return [i - FIRST_WORD_ID for i in self._wordpiece.ids(text) if i >= FIRST_WORD_ID]

    def _ascii_word(self, word: str) -> list[tuple[int, float]]:
        tokens = self._tokens(word)
        if not tokens and words(word):
            return [(self._bucket(word), HASHED_SHARE)]  # too long to be a word: a key, a blob
        return [(token, 1.0) for token in tokens]

    def _word(self, word: str) -> list[tuple[int, float]]:
        if word.isascii():
            return self._ascii_word(word)
        tokens = self._tokens(word)
        # A word spelled letter by letter means nothing to the model, in most scripts.
        is_spelled = not tokens or 2 * len(tokens) > len(word)
        shares = [(token, 1.0 / len(tokens) if is_spelled else 1.0) for token in tokens]
        marked = f"<{word}>"
        trigrams = [marked[i : i + 3] for i in range(len(marked) - 2)]
        # Trigrams without the accent would draw má towards every ma.
        trigrams = [trigram for trigram in trigrams if not trigram.isascii()]
        each = HASHED_SHARE * _TRIGRAMS / max(1, len(trigrams)) ** 0.5
        shares.append((self._bucket(marked), HASHED_SHARE * _WHOLE))
        return shares + [(self._bucket(trigram), each) for trigram in trigrams]

    def _unspaced(self, run: str) -> list[tuple[int, float]]:
        pairs = [(self._bucket(run[i : i + 2]), _PAIR) for i in range(len(run) - 1)]
        singles = [(self._bucket(character), _SINGLE) for character in run]
        return [*((token, _SINGLE) for token in self._tokens(run)), *singles, *pairs]

    def _symbols(self, run: str) -> list[tuple[int, float]]:
        shares: list[tuple[int, float]] = []
        for character in run:
            tokens = self._tokens(character)
            if tokens:
                shares += [(token, 1.0) for token in tokens]
            else:
                shares.append((self._bucket(character), HASHED_SHARE))
        pairs = [run[i : i + 2] for i in range(len(run) - 1)]  # flags are pairs of letters
        return shares + [(self._bucket(p), _PAIR) for p in pairs if not p.isascii()]

    def _bucket(self, ngram: str) -> int:
        digest = blake2b(ngram.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return self._token_count + int.from_bytes(digest, "little") % BUCKET_COUNT


@functools.lru_cache(8192)
def _kind(character: str) -> str:
    if _UNSPACED.match(character):
        return "unspaced"
    category = unicodedata.category(character)
    if category[0] in "LNM":
        return "word"
    return "symbol" if category[0] in "SP" or category in ("Cs", "Cn", "Co") else "nothing"
