"""A recall that nobody waits for stops its scan and frees its thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import numpy as np
import pytest

from engram.kernels.numpy_backend import NumpyBackend
from engram.model.errors import KernelCancelled
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10
# More than 256 KiB of vectors: the scan goes to a reader thread.
MEMORIES, DIMENSIONS = 1100, 64


class SlowBackend(NumpyBackend):
    """The numpy kernels, in no hurry to begin a scan; notes how it ended."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended = threading.Event()
        self.hurry = threading.Event()
        self.stopped = False

    def top_k_f32(
        self,
        query: F32,
        rows: F32,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """Wait for a reason to go on; then scan."""
        assert cancel is not None
        self.began.set()
        try:
            while not (self.hurry.wait(0.001) or cancel.is_set):
                pass
            return super().top_k_f32(query, rows, k, inv_norms=inv_norms, mask=mask, cancel=cancel)
        except KernelCancelled:
            self.stopped = True
            raise
        finally:
            self.ended.set()


async def test_a_recall_past_its_deadline_stops_its_scan() -> None:
    kernels = SlowBackend()
    vectors = np.random.default_rng(1).standard_normal((MEMORIES, DIMENSIONS), dtype=np.float32)
    async with simulated_store(kernels=kernels) as db:
        space = await db.space()
        await space.remember_many([f"memory {n}" for n in range(MEMORIES)], embeddings=vectors)
        with anyio.move_on_after(0.05) as scope:
            await space.recall(embedding=vectors[7])
        assert scope.cancelled_caught
        assert await anyio.to_thread.run_sync(kernels.ended.wait, PATIENCE_SECONDS)
        assert kernels.stopped
        kernels.hurry.set()
        (nearest,) = await space.recall(embedding=vectors[7], limit=1)
        assert nearest.memory.content == "memory 7"
