"""A recall that nobody waits for stops its scan and frees its thread."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import numpy as np
import pytest

import engram
from engram.kernels.numpy_backend import NumpyBackend
from engram.model.errors import KernelCancelled
from engram.service import expected_cost
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.kernels.cancel import CancelFlag
    from engram.kernels.graph.protocol import Spread
    from engram.service.preparing import NewMemory

Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10
MEMORIES, DIMENSIONS = 1100, 64


class SlowBackend(NumpyBackend):
    """The numpy kernels, one of them in no hurry to begin; notes how it ended."""

    def __init__(self, slow: str) -> None:
        super().__init__()
        self.slow = slow
        self.began = threading.Event()
        self.ended = threading.Event()
        self.hurry = threading.Event()
        self.stopped = False

    def top_k_f32(self, *arguments: Any, cancel: CancelFlag | None = None, **named: Any) -> Pair:
        """Wait for a reason to go on; then scan."""
        with self._waited("top_k_f32", cancel):
            return super().top_k_f32(*arguments, cancel=cancel, **named)

    def bm25_top_k(self, *arguments: Any, cancel: CancelFlag | None = None, **named: Any) -> Pair:
        """Wait for a reason to go on; then search."""
        with self._waited("bm25_top_k", cancel):
            return super().bm25_top_k(*arguments, cancel=cancel, **named)

    def spread(self, *arguments: Any, cancel: CancelFlag | None = None, **named: Any) -> Spread:
        """Wait for a reason to go on; then spread."""
        with self._waited("spread", cancel):
            return super().spread(*arguments, cancel=cancel, **named)

    @contextmanager
    def _waited(self, name: str, cancel: CancelFlag | None) -> Iterator[None]:
        if name != self.slow:
            yield
            return
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


async def _space(db: engram.Engram, vectors: np.ndarray[Any, Any]) -> engram.Space:
    space = await db.space()
    items: list[NewMemory] = [
        {"content": f"memory number{number}", "session": str(number // 10)}
        for number in range(MEMORIES)
    ]
    await space.remember_many(items, embeddings=vectors)
    return space


@pytest.mark.parametrize("slow", ["top_k_f32", "bm25_top_k", "spread"])
@pytest.mark.parametrize("has_deadline", [True, False])
async def test_a_recall_past_its_deadline_stops_its_kernels(
    slow: str, has_deadline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expected_cost, "INLINE_US", 0.0)  # every search goes to a reader thread
    kernels = SlowBackend(slow)
    vectors = np.random.default_rng(1).standard_normal((MEMORIES, DIMENSIONS), dtype=np.float32)
    cue = {"embedding": vectors[7]} if slow == "top_k_f32" else {"cue": "number7"}
    async with simulated_store(kernels=kernels) as db:
        space = await _space(db, vectors)
        for patience_ms in (50, 500, 5_000):  # a busy machine may take long to begin
            if has_deadline:
                with pytest.raises(KernelCancelled):
                    await space.recall(**cue, deadline_ms=patience_ms)
            else:
                with anyio.move_on_after(patience_ms / 1_000) as scope:
                    await space.recall(**cue)
                assert scope.cancelled_caught
            if kernels.began.is_set():
                break
        assert await anyio.to_thread.run_sync(kernels.ended.wait, PATIENCE_SECONDS)
        assert kernels.stopped
        kernels.hurry.set()
        (nearest,) = await space.recall(**cue, limit=1)
        assert nearest.memory.content == "memory number7"


async def test_a_recall_on_the_event_loop_lets_others_run_and_can_be_cancelled() -> None:
    ran = []

    async def other() -> None:
        ran.append(True)

    async with simulated_store() as db:
        space = await db.space()
        await space.remember("alpha")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other)
            for _ in range(2):  # trio may go on with us first, but only once
                await space.recall("alpha", mode="similarity")
            assert ran
        with anyio.CancelScope() as scope:
            scope.cancel()
            await space.recall("alpha", mode="similarity")
        assert scope.cancelled_caught
