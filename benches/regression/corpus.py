"""What is remembered in the workloads: made from a seed, the same bytes in every run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 384
WORDS_PER_TEXT = 40
_VOCABULARY = 30_000


def unit_rows(count: int, dimensions: int = DIMENSIONS, seed: int = 7) -> NDArray[np.float32]:
    """Return float32[count, dimensions] of unit rows."""
    rows = np.random.default_rng(seed).standard_normal((count, dimensions), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def texts(count: int, seed: int = 7, words: int = WORDS_PER_TEXT) -> list[str]:
    """Return texts of so many words; word frequencies fall as 1 / rank (Zipf 1949)."""
    weights = 1 / np.arange(1, _VOCABULARY + 1)
    draw = np.random.default_rng(seed)
    ranks = draw.choice(_VOCABULARY, (count, words), p=weights / weights.sum())
    names = np.array([word(rank) for rank in range(_VOCABULARY)])
    return [" ".join(row) for row in names[ranks].tolist()]


def word(rank: int) -> str:
    """Return the word of a rank: consonants and vowels in turns, each rank its own."""
    letters = []
    for alphabet in ("bdfgklmnprstvz", "aeiou", "bdfgklmnprstvz", "aeiou", "bdfgklmnprstvz"):
        rank, letter = divmod(rank, len(alphabet))
        letters.append(alphabet[letter])
    return "".join(letters) + "ax" * rank
