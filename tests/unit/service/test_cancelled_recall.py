"""A recall that nobody waits for stops its scan and frees its thread."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import numpy as np
import pytest

from engram.kernels.numpy_backend import NumpyBackend
from engram.model.errors import KernelCancelled
from engram.service import expected_cost
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.kernels.cancel import CancelFlag

Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10
MEMORIES, DIMENSIONS = 1100, 64


class SlowBackend(NumpyBackend):
    """The numpy kernels, in no hurry to begin a search; notes how it ended."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended = threading.Event()
        self.hurry = threading.Event()
        self.stopped = False

    def top_k_f32(self, *arguments: Any, cancel: CancelFlag | None = None, **named: Any) -> Pair:
        """Wait for a reason to go on; then scan."""
        with self._waited(cancel):
            return super().top_k_f32(*arguments, cancel=cancel, **named)

    def bm25_top_k(self, *arguments: Any, cancel: CancelFlag | None = None, **named: Any) -> Pair:
        """Wait for a reason to go on; then search."""
        with self._waited(cancel):
            return super().bm25_top_k(*arguments, cancel=cancel, **named)

    @contextmanager
    def _waited(self, cancel: CancelFlag | None) -> Iterator[None]:
        assert cancel is not None
        self.began.set()
        try:
            while not (self.hurry.wait(0.001) or cancel.is_set):
                pass
            yield
        except KernelCancelled:
            self.stopped = True
            raise
        finally:
            self.ended.set()


@pytest.mark.parametrize("by", ["vector", "words"])
async def test_a_recall_past_its_deadline_stops_its_search(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expected_cost, "INLINE_US", 0.0)  # every search goes to a reader thread
    kernels = SlowBackend()
    vectors = np.random.default_rng(1).standard_normal((MEMORIES, DIMENSIONS), dtype=np.float32)
    cue = {"embedding": vectors[7]} if by == "vector" else {"cue": "number7"}
    async with simulated_store(kernels=kernels) as db:
        space = await db.space()
        texts = [f"memory number{number}" for number in range(MEMORIES)]
        await space.remember_many(texts, embeddings=vectors)
        with anyio.move_on_after(0.05) as scope:
            await space.recall(**cue)
        assert scope.cancelled_caught
        assert await anyio.to_thread.run_sync(kernels.ended.wait, PATIENCE_SECONDS)
        assert kernels.stopped
        kernels.hurry.set()
        (nearest,) = await space.recall(**cue, limit=1)
        assert nearest.memory.content == "memory number7"
