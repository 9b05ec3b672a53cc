"""An embedder that embeds each text once, however many systems are asked about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engram.kernels.arrays import F32
from engram.ports import Embedder


class OnceEmbedder:
    """Another embedder, whose vectors are kept."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, F32] = {}

    @property
    def identity(self) -> str:
        """That of the other one."""
        return self._embedder.identity

    @property
    def dimensions(self) -> int:
        """That of the other one."""
        return self._embedder.dimensions

    async def embed(self, texts: Sequence[str]) -> F32:
        """Return float32[n, dimensions]."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, await self._embedder.embed(new), strict=True))
        return np.stack([self._known[text] for text in texts])
