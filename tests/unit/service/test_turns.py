"""Long work is done in parts, and others have a turn between them."""

from __future__ import annotations

import anyio
import pytest
from anyio import lowlevel

from engram.service.turns import in_turns

pytestmark = pytest.mark.anyio


async def test_others_have_a_turn_between_the_parts() -> None:
    turns = 0
    began: list[int] = []

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await lowlevel.checkpoint()

    def make(part: slice) -> range:
        began.append(turns)
        return range(300)[part]

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        assert await in_turns(300, make) == list(range(300))
        group.cancel_scope.cancel()
    assert len(began) == 3
    assert began[-1] > began[0]  # in which order within a round is for the event loop to say


async def test_few_things_are_made_at_once() -> None:
    parts: list[slice] = []

    def make(part: slice) -> range:
        parts.append(part)
        return range(9)[part]

    assert await in_turns(9, make) == list(range(9))
    assert await in_turns(0, make) == []
    assert len(parts) == 2
