"""Who follows a space is given each change once, in order, and told when that cannot be."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import get_args

import anyio
import msgspec
import pytest

from engram.engine import feed as feed_module
from engram.model import changes as changes_module
from engram.model.changes import Change, Topic
from engram.model.errors import ChangesGone, Closed, FellBehind, InvalidRequest, SpaceNotFound
from engram.model.events import Event
from engram.service.space import Space
from engram.service.subscription import Subscription
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio


async def taken(changes: Subscription) -> list[Change]:
    """Return the changes that are there already."""
    found = []
    while (change := await changes.next(0)) is not None:
        found.append(change)
    return found


async def history(space: Space) -> dict[str, str]:
    """Do a little of everything in a space; return ids by what they are."""
    first = await space.remember("Ada wrote the first program", tags=["history"])
    second = await space.remember("the kettle is blue", request_key="k")
    await space.remember_many([f"note {number}" for number in range(5)])
    await space.remember("the kettle is blue")
    newer = await space.update(second.id, content="the kettle is green", request_key="u")
    await space.associate(first.id, newer.id)
    await space.dissociate(first.id, newer.id)
    await space.feedback(first.id, "useful", request_key="f")
    await space.forget(first.id, mode="suppress")
    await space.unsuppress(first.id)
    await space.configure(forgetting="exponential")
    await space.forget(first.id)
    return {"first": first.id, "second": second.id, "newer": newer.id}


async def test_what_is_given_live_is_what_the_log_gives_later() -> None:
    """Each LSN once, in order, without a gap; and the ids are those that the verbs returned."""
    async with simulated_store() as db:
        space = await db.space("notes")
        await space.remember("before")
        begun = (await space.stats()).lsn
        async with space.subscribe() as live:
            ids = await history(space)
            seen = await taken(live)
        last = (await space.stats()).lsn
        assert [each.lsn for each in seen] == list(range(begun + 1, last + 1))
        async with space.subscribe(after=begun) as past:
            assert await taken(past) == seen
        assert seen[0].remembered == (ids["first"],)
        assert seen[4].at == (await space.get(ids["newer"])).recorded_at
        assert [len(each.remembered) for each in seen][:3] == [1, 1, 5]
        assert seen[3].seen_again == (ids["second"],)
        assert (seen[4].remembered, seen[4].superseded) == ((ids["newer"],), (ids["second"],))
        assert [each.associated for each in seen[5:7]] == [1, 0]
        assert [each.dissociated for each in seen[5:7]] == [0, 1]
        assert seen[7].reviewed == seen[8].suppressed == seen[9].unsuppressed == (ids["first"],)
        assert seen[10].configured
        assert seen[11].forgotten == (ids["first"],)
        assert {each.space for each in seen} == {"notes"}
        assert b"kettle" not in msgspec.json.encode(seen)


async def test_consolidation_and_erasure_are_told(anyio_backend: str) -> None:  # noqa: ARG001
    """Replayed episodes and concepts are a topic of their own; nothing else is in it."""
    async with simulated_store() as db:
        space = await db.space()
        async with (
            space.subscribe("consolidation") as thinking,
            space.subscribe("memories") as memories,
        ):
            stored = await space.remember_many(
                [f"Ada drinks tea at {hour} in the kitchen" for hour in range(8)],
                embeddings=[[1.0, hour / 100] for hour in range(8)],
            )
            formed = await space.consolidate()
            await space.forget(stored.ids[0], mode="erase")
            replayed = await taken(thinking)
            assert {each for change in replayed for each in change.replayed} == set(stored.ids)
            assert {each for change in replayed for each in change.concepts} >= set(formed.concepts)
            assert all(not change.remembered for change in replayed)
            told = await taken(memories)
            assert told[0].remembered == tuple(stored.ids)
            assert {each for change in told for each in change.erased} >= {stored.ids[0]}
            assert all(not change.replayed for change in told)
            assert thinking.lsn == memories.lsn == (await space.stats()).lsn


async def test_two_spaces_that_are_written_in_turns_are_followed_apart() -> None:
    """Nothing of one space is told to who follows the other, live or from the log."""
    async with simulated_store() as db, AsyncExitStack() as stack:
        spaces = [await db.create_space(name) for name in ("a", "b")]
        live = [await stack.enter_async_context(each.subscribe()) for each in spaces]
        ids: list[list[str]] = [[], []]
        for number in range(20):
            ids[number % 2].append((await spaces[number % 2].remember(f"text {number}")).id)
        for space, follower, own in zip(spaces, live, ids, strict=True):
            async with space.subscribe(after=0) as past:
                for seen in (await taken(follower), await taken(past)):
                    assert [each.remembered for each in seen] == [(each,) for each in own]
                    assert {each.space for each in seen} == {space.id}


async def test_the_past_leads_into_the_present_without_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the log is read in small parts, writers go on; who was idle waits and is woken."""
    monkeypatch.setattr("engram.service.subscription.FOLLOWER_READ_COUNT_MAX", 4)
    monkeypatch.setattr(feed_module, "FEED_CHANGES_COUNT_MAX", 8)
    async with simulated_store() as db:
        space = await db.space()
        for number in range(30):
            await space.remember(f"old {number}")
        seen: list[int] = []
        async with space.subscribe(after=3) as changes, anyio.create_task_group() as tasks:

            async def follow() -> None:
                async for change in changes:
                    seen.append(change.lsn)
                    if change.lsn == 60:
                        return

            tasks.start_soon(follow)
            for number in range(30):
                await space.remember(f"new {number}")
        assert seen == list(range(4, 61))


async def test_who_is_too_slow_is_told_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more is given out after a gap; a new subscription has all of it, from the log."""
    monkeypatch.setattr(feed_module, "FEED_CHANGES_COUNT_MAX", 4)
    async with simulated_store() as db:
        space = await db.space()
        async with space.subscribe() as slow:
            await space.remember("seen")
            assert (await slow.next()) is not None
            for number in range(6):
                await space.remember(f"too fast {number}")
            for _ in range(2):
                with pytest.raises(FellBehind, match="from LSN 1") as told:
                    await slow.next()
            assert told.value.lsn == slow.lsn == 1
        async with space.subscribe(after=told.value.lsn) as again:
            assert [each.lsn for each in await taken(again)] == [2, 3, 4, 5, 6, 7]
        # The last four of seven were held.
        assert db.metrics()['engram_events_dropped_total{memory_space="default"}'] == 2


async def test_many_ids_are_bounded_as_many_changes_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest change is held however many ids it names."""
    monkeypatch.setattr(feed_module, "FEED_IDS_COUNT_MAX", 5)
    async with simulated_store() as db:
        space = await db.space()
        async with space.subscribe() as changes:
            await space.remember_many([f"part {number}" for number in range(9)])
            (only,) = await taken(changes)
            assert len(only.remembered) == 9
            for count in (3, 3):
                await space.remember_many([f"{only.lsn} {count} {n}" for n in range(count)])
                await space.remember(f"more {count}")
            with pytest.raises(FellBehind):
                await changes.next()


async def test_what_the_log_let_go_is_said_to_be_gone() -> None:
    """With the oldest LSN that is there; from there on it can be followed."""
    async with simulated_store() as db:
        space = await db.space()
        stored = [await space.remember(f"text {number}") for number in range(5)]
        await space.forget(stored[0].id, mode="erase")
        await space.remember("after it")
        with pytest.raises(ChangesGone, match="list its memories") as told:
            await space.subscribe(after=1).open()
        async with space.subscribe(after=told.value.oldest - 1) as changes:
            seen = await taken(changes)
        assert seen[0].lsn == told.value.oldest
        assert seen[-1].lsn == (await space.stats()).lsn


async def test_an_erasure_meanwhile_ends_who_reads_the_past(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says so instead of leaving something out."""
    monkeypatch.setattr("engram.service.subscription.FOLLOWER_READ_COUNT_MAX", 1)
    async with simulated_store() as db:
        space = await db.space()
        stored = [await space.remember(f"text {number}") for number in range(5)]
        async with space.subscribe(after=0) as changes:
            assert (await changes.next()) is not None
            await space.forget(stored[0].id, mode="erase")
            with pytest.raises(ChangesGone):
                await taken(changes)


@pytest.mark.parametrize("after", [-1, 2, 1 << 70])
async def test_an_lsn_that_never_was_is_refused(after: int) -> None:
    """The log ends before it: perhaps the space is another one by now."""
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("one")
        with pytest.raises(InvalidRequest, match="ends at LSN 1"):
            await space.subscribe(after=after).open()


async def test_topics_and_spaces_that_are_not_there_are_refused() -> None:
    """Before anything is followed."""
    async with simulated_store() as db:
        with pytest.raises(InvalidRequest, match="activities, memories, consolidation"):
            (await db.space()).subscribe("all")
        with pytest.raises(SpaceNotFound):
            await (await db.space("nowhere")).subscribe().open()


async def test_a_space_that_ends_tells_who_follows_it() -> None:
    """After everything that it committed."""
    async with simulated_store() as db:
        await db.create_space("notes")
        space = await db.space("notes")
        async with space.subscribe() as changes, anyio.create_task_group() as tasks:
            ended = anyio.Event()

            async def follow() -> None:
                assert len((await anext(changes)).remembered) == 1
                with pytest.raises(Closed):
                    await anext(changes)
                ended.set()

            tasks.start_soon(follow)
            await space.remember("the last")
            await db.drop_space("notes")
            await ended.wait()


async def test_a_follower_that_was_cancelled_has_lost_nothing() -> None:
    """The next call gives what the cancelled one would have."""
    async with simulated_store() as db:
        space = await db.space()
        async with space.subscribe() as changes:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(changes.next)
                await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            await space.remember("one")
            with anyio.CancelScope() as scope:
                scope.cancel()
                await changes.next()
            assert [each.lsn for each in await taken(changes)] == [1]


async def test_nothing_is_kept_for_nobody() -> None:
    """Without a follower the feed is empty, before and after there was one."""
    async with simulated_store() as db:
        space = await db.space()
        engine = await db._core.registry.open(space.id)
        await space.remember("one")
        assert engine.feed.next(0) is None
        async with space.subscribe():
            await space.remember("two")
            assert engine.feed.next(1) is not None
        assert engine.feed.next(1) is None
        assert engine.feed.followers_count == 0


def test_every_event_of_the_log_is_told() -> None:
    """None is passed over because nobody thought of it; each field belongs to a topic."""
    assert set(changes_module._told.registry) == {object, *get_args(Event)}
    told = {name for fields in changes_module._FIELDS.values() for name in fields}
    assert told == set(Change.__struct_fields__) - {"lsn", "space", "at"}
    assert set(changes_module._FIELDS) == set(get_args(Topic))
