"""Where the parts of a recall are carried out does not show in its answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import anyio
import numpy as np
import pytest

from engram.engine.readers import IN_PARTS_MAX, Readers
from engram.retrieval import pipeline
from engram.service import expected_cost
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.cancel import CancelFlag
    from engram.model.recall_result import RecallResult
    from engram.service.preparing import NewMemory

pytestmark = pytest.mark.anyio

MEMORIES, DIMENSIONS = 300, 16
# Nothing is short enough, then vectors and words are, then all but spreading, then each part.
HELD_US_MAX = (0.0, 60.0, 140.0, 180.0)


def _told(result: RecallResult) -> tuple[object, ...]:
    listed = [(each.memory.id, each.group, each.path, each.confidence) for each in result]
    return listed, result.query_analysis


@pytest.mark.parametrize("mode", ["hybrid", "spreading"])
async def test_parts_in_threads_and_on_the_event_loop_come_to_one_answer(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.random.default_rng(1).standard_normal((MEMORIES, DIMENSIONS), dtype=np.float32)
    items: list[NewMemory] = [
        {"content": f"memory number{number} of{number % 7}", "session": str(number // 10)}
        for number in range(MEMORIES)
    ]
    hops: list[int] = []
    run = Readers.run

    async def counted(self: Readers, part: Callable[[CancelFlag], Any]) -> Any:
        hops[-1] += 1
        return await run(self, part)

    async with simulated_store() as db:
        space = await db.space()
        await space.remember_many(items, embeddings=vectors)
        cue = {"cue": "number7 of3", "embedding": vectors[7], "mode": mode, "reinforce": False}
        monkeypatch.setattr(expected_cost, "INLINE_US", math.inf)
        meant = await space.recall(**cue)
        engine = await space._engine()
        for _ in range(60):  # until it is known how few associations are read
            engine.graph.note_read(meant.query_analysis.edges)
        monkeypatch.setattr(Readers, "run", counted)
        for held_us in HELD_US_MAX:
            monkeypatch.setattr(expected_cost, "INLINE_US", held_us)
            hops.append(0)
            assert _told(await space.recall(**cue)) == _told(meant)
        assert hops == [6, 3, 1, 0]


async def test_more_recalls_than_may_take_turns_all_come_to_their_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expected_cost, "INLINE_US", 140.0)  # spreading goes to a thread
    callers, free, step = 3 * IN_PARTS_MAX, [], pipeline.Recall.step
    items: list[NewMemory] = [
        {"content": f"memory number{number}", "session": "one"} for number in range(callers)
    ]
    async with simulated_store() as db:
        space = await db.space()
        await space.remember_many(items)
        turns = (await space._engine()).readers.turns

        def watched(self: pipeline.Recall, cancel: CancelFlag | None) -> str | None:
            free.append(turns.value)
            return step(self, cancel)

        monkeypatch.setattr(pipeline.Recall, "step", watched)
        found: list[str] = []

        async def ask(number: int) -> None:
            (nearest,) = await space.recall(f"number{number}", limit=1, reinforce=False)
            found.append(nearest.memory.content)

        async with anyio.create_task_group() as tasks:
            for number in range(callers):
                tasks.start_soon(ask, number)
        assert sorted(found) == sorted(item["content"] for item in items)
        assert min(free) == 0
        assert turns.value == IN_PARTS_MAX
