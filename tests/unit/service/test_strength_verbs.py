"""Settings, feedback and hiding through the public verbs, with a clock that a test moves."""

from __future__ import annotations

from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from engram.model.errors import Conflict, InvalidRequest, MemoryNotFound, SpaceNotFound
from engram.model.space_settings import FSRS_WEIGHTS, SpaceSettings
from engram.state.fsrs import AGAIN, GOOD, Strength, first, reviewed
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import HistoryClock, simulated_store

pytestmark = pytest.mark.anyio

RATINGS = {"useful": GOOD, "wrong": AGAIN}
SECOND = 10**9
DAY = 86_400 * SECOND


async def test_feedback_changes_strength_as_reviews_do_also_after_reopening() -> None:
    disk, clock = SimulatedFilesystem(), HistoryClock(tick_ns=0)
    expected = first(FSRS_WEIGHTS)
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        for days, verdict in ((2, "useful"), (10, "wrong"), (5, "useful")):
            clock.advance(days * DAY)
            done = await space.feedback(memory, verdict)
            rounded = Strength(*map(float, expected))
            expected = reviewed(FSRS_WEIGHTS, rounded, days, RATINGS[verdict])
            assert done.counted
            assert done.stability_days == pytest.approx(expected.stability_days, rel=1e-6)
            assert done.difficulty == pytest.approx(expected.difficulty, rel=1e-6)
            assert (await space.get(memory)).retrievability == 1
    async with simulated_store(disk, clock=clock) as engram:
        kept = await (await engram.space()).get(memory)
        assert kept.stability_days == pytest.approx(expected.stability_days, rel=1e-6)


async def test_two_reviews_within_a_minute_count_once() -> None:
    clock = HistoryClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        clock.advance(DAY)
        done = await space.feedback(memory, "useful")
        clock.advance(59 * SECOND)
        again = await space.feedback(memory, "useful")
        assert (again.counted, again.stability_days) == (False, done.stability_days)
        clock.advance(2 * SECOND)
        assert (await space.feedback(memory, "useful")).counted


async def test_feedback_under_one_key_counts_once() -> None:
    disk, clock = SimulatedFilesystem(), HistoryClock()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        clock.advance(DAY)
        done = await space.feedback(memory, "useful", request_key="k")
        clock.advance(3_600 * SECOND)
        assert await space.feedback(memory, "useful", request_key="k") == done
        with pytest.raises(Conflict):
            await space.feedback(memory, "wrong", request_key="k")
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        assert await space.feedback(memory, "useful", request_key="k") == done


async def test_feedback_that_makes_no_sense_is_refused() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        with pytest.raises(InvalidRequest, match="must be 'useful' or 'wrong'"):
            await space.feedback(memory, "good")
        await space.forget(memory)
        with pytest.raises(MemoryNotFound):
            await space.feedback(memory, "useful")


async def test_a_memory_found_wrong_ranks_below_its_like_until_it_is_found_useful() -> None:
    clock = HistoryClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        pair = await space.remember_many(["a house", "a mouse"], embeddings=[[1.0, 0.0]] * 2)
        clock.advance(DAY)

        async def ranking() -> list[str]:
            return [hit.memory.id for hit in await space.recall(embedding=[1.0, 0.0])]

        for worse, better in (pair.ids, pair.ids[::-1]):
            await space.feedback(worse, "wrong")
            await space.feedback(better, "useful")
            assert await ranking() == [better, worse]
            clock.advance(DAY)


async def test_settings_are_kept_and_choose_the_curve_of_every_answer() -> None:
    disk, clock = SimulatedFilesystem(), HistoryClock()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space("fresh")
        with pytest.raises(SpaceNotFound):
            await space.settings()
        changed = await space.configure(forgetting="power", beta=0.5)
        assert changed == SpaceSettings(forgetting="power", beta=0.5)
        assert changed.parameters == {"beta": 0.5}
        memory = (await space.remember("a house")).id
    for _ in range(2):
        async with simulated_store(disk, clock=clock) as engram:
            space = await engram.space("fresh")
            assert await space.settings() == changed
            before = (await space.get(memory)).recorded_at
            clock.set_wall_time(int(before.timestamp()) * SECOND + 3 * 3_600 * SECOND)
            shown = [await space.get(memory), (await space.recall("house"))[0].memory]
            assert [each.retrievability for each in shown] == pytest.approx([0.5, 0.5], abs=1e-3)
            part = (await space.recall("house"))[0].parts["retrievability"]
            assert part == pytest.approx(0.5, abs=1e-3)
            await space.checkpoint()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space("fresh")
        await space.configure(forgetting="none")
        assert (await space.get(memory)).retrievability == 1
        assert (await space.settings()).beta == 0.5


async def test_a_setting_that_breaks_a_rule_makes_no_space() -> None:
    async with simulated_store() as engram:
        with pytest.raises(InvalidRequest, match="forgetting 'never' is not one of"):
            await (await engram.space("fresh")).configure(forgetting="never")
        assert [info.id for info in await engram.spaces()] == ["default"]


async def test_a_suppressed_memory_is_in_no_answer_unless_asked_for_and_comes_back() -> None:
    disk = SimulatedFilesystem()
    async with simulated_store(disk) as engram:
        space = await engram.space()
        memory = (await space.remember("a house", embedding=[1.0, 0.0])).id
        other = (await space.remember("a mouse", embedding=[0.6, 0.8])).id
        assert (await space.forget(memory, mode="suppress")).mode == "suppress"
        await space.checkpoint()
    for _ in range(2):
        async with simulated_store(disk) as engram:
            space = await engram.space()
            (hit,) = await space.recall("house", embedding=[1.0, 0.0])
            assert hit.memory.id == other
            assert [each.id for each in await space.list()] == [other]
            with pytest.raises(MemoryNotFound):
                await space.get(memory)
            asked = await space.recall("house", include_suppressed=True)
            assert [hit.memory.suppressed for hit in asked] == [True]
            assert (await space.list(include_suppressed=True)).total == 2
            shown = await space.get(memory, include_suppressed=True)
            assert (await space.get(other)).suppressed is False
            now = shown.recorded_at + timedelta(microseconds=1)
            assert (await space.list(as_of=now)).total < 2
            assert (await space.stats()).suppressed == 1
    async with simulated_store(disk) as engram:
        space = await engram.space()
        assert list((await space.unsuppress(memory)).ids) == [memory]
        assert list((await space.unsuppress(memory)).ids) == []
        assert (await space.recall("house"))[0].memory.id == memory


async def test_remembering_a_suppressed_text_again_brings_it_back() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        await space.forget_many([memory], mode="suppress")
        again = await space.remember("a house")
        assert (again.id, again.created) == (memory, False)
        assert (await space.get(memory)).suppressed is False


async def test_a_suppressed_memory_can_be_deleted_and_stays_hidden_from_the_past() -> None:
    clock = HistoryClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        at = (await space.get(memory)).recorded_at
        await space.forget(memory, mode="suppress")
        await space.forget(memory)
        clock.advance(SECOND)
        assert (await space.list(as_of=at)).total == 0
        assert (await space.list(as_of=at, include_suppressed=True)).total == 1
        assert (await space.list()).total == 0


async def test_one_memory_that_is_not_there_and_none_is_suppressed() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        with pytest.raises(MemoryNotFound):
            await space.forget_many([memory, memory[:-1] + "0"], mode="suppress")
        assert (await space.get(memory)).suppressed is False


async def test_being_listed_is_counted_and_dated_and_is_no_review() -> None:
    disk, clock = SimulatedFilesystem(), HistoryClock()
    async with simulated_store(disk, clock=clock) as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        before = await space.get(memory)
        for _ in range(3):
            clock.advance(SECOND)
            await space.recall("house")
        await space.recall("house", reinforce=False)
        last = clock.now()
    for _ in range(2):
        async with simulated_store(disk, clock=clock) as engram:
            space = await engram.space()
            kept = await space.get(memory)
            assert kept.access_count == 3
            assert kept.last_access_at is not None
            assert last - SECOND < round(kept.last_access_at.timestamp() * SECOND) <= last
            assert (kept.stability_days, kept.difficulty) == (
                before.stability_days,
                before.difficulty,
            )


async def test_many_accesses_are_recorded_together_while_the_space_goes_on() -> None:
    clock = HistoryClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        for _ in range(3):
            await space.recall("house")
        assert (await space.stats()).lsn == 1
        clock.advance(61 * SECOND)
        await space.recall("house")
        while (await space.stats()).lsn == 1:
            await anyio.lowlevel.checkpoint()
        assert (await space.get(memory)).access_count == 4


async def test_accesses_outlive_a_compaction_that_gives_rows_other_numbers() -> None:
    clock = HistoryClock()
    async with simulated_store(clock=clock, history_retention_ns=0) as engram:
        space = await engram.space()
        gone = (await space.remember("a mouse")).id
        memory = (await space.remember("a house")).id
        await space.recall("house")
        await space.forget(gone)
        space_before = await space.stats()
        assert (await space.compact()).rows_dropped == 1
        assert (await space.get(memory)).access_count == 1
        await space.recall("house")
        assert (await space.get(memory)).access_count == 2
        await space.checkpoint()
        assert (await space.stats()).lsn > space_before.lsn
        (listed,) = (await space.list()).memories
        assert listed.access_count == 2


async def test_what_waits_to_be_recorded_is_counted_when_one_memory_is_asked_for() -> None:
    clock = HistoryClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()
        memory = (await space.remember("a house")).id
        assert (await space.get(memory)).last_access_at is None
        await space.recall("house")
        found = await space.get(memory)
        assert found.access_count == 1
        assert found.last_access_at is not None
        assert (await space.stats()).lsn == 1
