"""Work between two groups: exclusive, visible after it, refused once the space is closed."""

from __future__ import annotations

import anyio
import pytest

from engram.engine.readers import Readers
from engram.engine.space_engine import SpaceEngine
from engram.model.errors import Closed, InvalidRequest
from engram.state.space import SpaceState
from engram.testing.clock import FakeClock
from engram.wal.memory_log import MemoryLog

pytestmark = pytest.mark.anyio


async def _with_engine() -> SpaceEngine:
    return SpaceEngine("s", MemoryLog(), FakeClock(), SpaceState(), Readers())


async def test_a_change_runs_on_the_state_and_readers_see_a_new_view() -> None:
    """What `change` returns comes back, and the view is another one."""
    engine = await _with_engine()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        before = engine.view
        assert await engine.between_groups(lambda state: state.count) == 0
        assert engine.view is not before
        await engine.aclose()


async def test_what_a_change_raises_reaches_its_caller_and_the_space_goes_on() -> None:
    """A failing change leaves the writer at work."""

    def refuse(state: SpaceState) -> None:
        raise InvalidRequest(f"{state.count} is not enough")

    engine = await _with_engine()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        with pytest.raises(InvalidRequest, match="0 is not enough"):
            await engine.between_groups(refuse)
        assert await engine.between_groups(lambda state: state.lsn) == 0
        await engine.aclose()


async def test_a_closed_space_takes_no_change() -> None:
    """Whoever comes after the end is told."""
    engine = await _with_engine()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.run)
        await engine.aclose()
    with pytest.raises(Closed):
        await engine.between_groups(lambda state: state.lsn)
