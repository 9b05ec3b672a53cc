"""What is indexed in the background, so that recalls find it done."""

from __future__ import annotations

import anyio
import numpy as np
import pytest
from anyio import lowlevel

from engram.engine.indexing import index
from engram.engine.readers import Readers
from engram.engine.space_engine import SpaceEngine
from engram.kernels.numpy_backend import NumpyBackend
from engram.state.space import SpaceState
from engram.testing.clock import FakeClock
from engram.testing.filling import batch_of
from engram.wal.memory_log import MemoryLog

pytestmark = pytest.mark.anyio

_COUNT = 4_200


async def until_indexed(engine: SpaceEngine) -> None:
    with anyio.fail_after(60):
        while engine.sketches.behind(engine.view.hot) or engine.words.rows_indexed < _COUNT:
            await lowlevel.checkpoint()


async def test_texts_and_bodies_are_indexed_while_nobody_asks_and_again_after_a_change() -> None:
    engine = SpaceEngine("s", MemoryLog(), FakeClock(), SpaceState(), Readers())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        tasks.start_soon(index, engine, NumpyBackend(), FakeClock())
        await engine.submit(batch_of(_COUNT, 4))
        assert engine.sketches.behind(engine.view.hot) == _COUNT
        await until_indexed(engine)

        def other_vectors(state: SpaceState) -> None:
            state.hot.norms.set(np.array([3]), 0.0)

        await engine.between_groups(other_vectors)
        assert engine.sketches.behind(engine.view.hot) == _COUNT
        await until_indexed(engine)
        await engine.aclose()
