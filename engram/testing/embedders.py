"""What every Embedder must do, as one suite; and a tiny Embedder for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from engram.model.errors import check

if TYPE_CHECKING:
    from engram.ports import Embedder

TEXTS: Final = (
    "The cat sat on the mat.",
    "the cat sat on the mat",
    "A letter from Concord, 3 May 1841",
    "",
    " \t\n",
    "m\u00e1",
    "m\u00e0",
    "\u5317\u4eac\u5e02",
    "\U0001f436 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7",
    "\u041a\u043e\u0448\u043a\u0430",
    "\u0645\u0631\u062d\u0628\u0627",
    "\ud800 lone",
    "\x00\x1f control",
    "word " * 3000,
    "x" * 20_000,
)
"""Everyday text, nothing, several scripts, broken text, long text."""

UNIT_TOLERANCE: Final = 1e-5


class HashingEmbedder:
    """Embedder for tests: counts words by hash; equal words make near vectors, and no more."""

    def __init__(self, dimensions: int = 64, identity: str = "hashing-test@1") -> None:
        self._dimensions = dimensions
        self._identity = identity

    @property
    def identity(self) -> str:
        """The name given to it, so that a test can play two embedders."""
        return self._identity

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return self._dimensions

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[len(texts), dimensions] unit rows."""
        vectors = np.zeros((len(texts), self._dimensions), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word, count in Counter(text.lower().split() or [""]).items():
                digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
                row[int.from_bytes(digest, "little") % self._dimensions] += count
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float32] = vectors / lengths
        return unit


async def check_embedder(embedder: Embedder) -> None:
    """Check everything the seam promises, whatever embedder stands behind it.

    Raises:
        InvariantViolated: with a sentence that says which promise is broken.
    """
    identity, dimensions = embedder.identity, embedder.dimensions
    check(identity.strip(), "an embedder has an identity")
    check(dimensions >= 1, "vectors have at least one dimension")

    nothing = await embedder.embed([])
    check(nothing.shape == (0, dimensions), "no texts give no rows, of the right length")
    check(nothing.dtype == np.float32, "no texts give float32 too")

    together = await embedder.embed(TEXTS)
    check(together.shape == (len(TEXTS), dimensions), "one row for each text, in its place")
    check(together.dtype == np.float32, "vectors are float32")
    check(np.isfinite(together).all(), "every number is finite, whatever the text")
    lengths = np.linalg.norm(together.astype(np.float64), axis=1)
    check(np.abs(lengths - 1).max() < UNIT_TOLERANCE, "every row has length 1, whatever the text")

    again = await embedder.embed(TEXTS)
    check(np.array_equal(together, again), "the same texts give the same bits again")
    for position, text in enumerate(TEXTS):
        alone = await embedder.embed([text])
        same = np.array_equal(alone[0], together[position])
        check(same, f"text {position} has the same vector alone as in company")
    backwards = await embedder.embed(TEXTS[::-1])
    check(np.array_equal(backwards[::-1], together), "the order of the texts does not matter")

    check(together[0] @ together[1] > together[0] @ together[2], "like texts have like vectors")
    check(
        (embedder.identity, embedder.dimensions) == (identity, dimensions),
        "identity and dimensions do not change with use",
    )
