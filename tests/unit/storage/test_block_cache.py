from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.model.errors import InvariantViolated
from engram.storage.block_cache import BlockCache
from engram.storage.limits import CACHE_ENTRY_BYTES


def content(owner: int, block: int) -> bytes:
    """Return what the block of an owner always holds."""
    return f"{owner}/{block} ".encode() * (1 + (owner * 7 + block) % 5)


class Source:
    """Loads blocks and remembers which."""

    def __init__(self, owner: int) -> None:
        self.owner = owner
        self.loaded: list[int] = []

    def __call__(self, blocks: Sequence[int]) -> list[bytes]:
        """Return the contents of the blocks."""
        self.loaded += blocks
        return [content(self.owner, block) for block in blocks]


def held(cache: BlockCache, owner: int, block: int) -> bytes | None:
    """Return a block if it is held, without asking for it."""
    entry = cache._owners.get(owner, {}).get(block)
    return None if entry is None else entry.value


def room_for(blocks_count: int, value_bytes: int) -> int:
    """Return the budget that holds so many blocks of a size."""
    return blocks_count * (value_bytes + CACHE_ENTRY_BYTES)


def test_a_block_is_loaded_once_while_it_is_held() -> None:
    cache, source = BlockCache(1 << 16), Source(1)
    for _ in range(3):
        assert cache.take(1, [4, 2], source) == [content(1, 4), content(1, 2)]
    assert source.loaded == [4, 2]
    counts = cache.counts()
    assert (counts.hits, counts.misses, counts.blocks, counts.evictions) == (4, 2, 2, 0)


def test_only_what_is_missing_is_loaded() -> None:
    cache, source = BlockCache(1 << 16), Source(1)
    cache.take(1, [1, 3], source)
    assert cache.take(1, [0, 1, 2, 3], source) == [content(1, block) for block in range(4)]
    assert source.loaded == [1, 3, 0, 2]


def test_owners_do_not_share_blocks() -> None:
    cache = BlockCache(1 << 16)
    first, second = cache.new_owner(), cache.new_owner()
    assert first != second
    cache.take(first, [0], Source(first))
    assert cache.take(second, [0], Source(second)) == [content(second, 0)]
    assert held(cache, first, 0) == content(first, 0)
    cache.drop(first)
    assert held(cache, first, 0) is None
    assert held(cache, second, 0) == content(second, 0)


def test_a_block_larger_than_the_budget_is_given_and_not_kept() -> None:
    cache = BlockCache(1000)
    assert cache.take(1, [0], lambda _: [b"x" * 1001]) == [b"x" * 1001]
    assert cache.counts().resident_bytes == 0


def test_a_cache_without_a_budget_holds_nothing() -> None:
    cache, source = BlockCache(0), Source(1)
    for _ in range(2):
        assert cache.take(1, [5], source) == [content(1, 5)]
    assert source.loaded == [5, 5]
    with pytest.raises(InvariantViolated):
        cache.resize(-1)


def test_a_smaller_budget_holds_at_once() -> None:
    cache = BlockCache(room_for(100, 50))
    cache.take(1, range(100), lambda blocks: [b"x" * 50 for _ in blocks])
    assert cache.counts().resident_bytes == room_for(100, 50)
    cache.resize(room_for(30, 50))
    assert cache.counts().blocks == 30
    cache.resize(0)
    assert cache.counts().resident_bytes == 0


def test_blocks_in_use_stay_through_a_scan() -> None:
    """A thousand blocks that are asked for once do not drive out twenty that are in use."""
    cache = BlockCache(room_for(50, 100))

    def load(blocks: Sequence[int]) -> list[bytes]:
        return [b"x" * 100 for _ in blocks]

    for _ in range(3):
        cache.take(1, range(20), load)
    for block in range(1000, 2000):
        cache.take(1, [block], load)
    assert all(held(cache, 1, block) for block in range(20))


def test_a_load_that_fails_leaves_nothing_behind() -> None:
    cache = BlockCache(1 << 16)

    def fail(blocks: Sequence[int]) -> list[bytes]:
        raise OSError(blocks)

    for _ in range(2):
        with pytest.raises(OSError, match=r"\[1, 2\]"):
            cache.take(1, [1, 2], fail)
    assert cache.counts().blocks == 0
    assert cache.take(1, [1, 2], Source(1)) == [content(1, 1), content(1, 2)]


def test_a_load_that_gives_too_few_blocks_is_an_error() -> None:
    cache = BlockCache(1 << 16)
    with pytest.raises(ValueError, match="shorter"):
        cache.take(1, [1, 2], lambda _: [b"one"])
    assert cache.counts().blocks == 0


def test_threads_that_miss_one_block_read_it_once() -> None:
    cache, source = BlockCache(1 << 16), Source(1)
    is_loading, may_end = Event(), Event()

    def slow(blocks: list[int]) -> list[bytes]:
        is_loading.set()
        may_end.wait()
        return source(blocks)

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(cache.take, 1, [1, 2], slow)
        is_loading.wait()
        others = [threads.submit(cache.take, 1, [2, 3], source) for _ in range(3)]
        may_end.set()
        assert first.result() == [content(1, 1), content(1, 2)]
        assert [each.result() for each in others] == [[content(1, 2), content(1, 3)]] * 3
    assert sorted(source.loaded) == [1, 2, 3]


def test_who_waited_for_a_load_that_failed_loads_itself() -> None:
    cache, source = BlockCache(1 << 16), Source(1)
    is_loading, may_end = Event(), Event()

    def fail(_: list[int]) -> list[bytes]:
        is_loading.set()
        may_end.wait()
        raise OSError("the disk")

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cache.take, 1, [1], fail)
        is_loading.wait()
        second = threads.submit(cache.take, 1, [1], source)
        may_end.set()
        assert second.result() == [content(1, 1)]
        with pytest.raises(OSError, match="the disk"):
            first.result()


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 3), st.lists(st.integers(0, 30), unique=True)),
        st.tuples(st.just("drop"), st.integers(1, 3), st.none()),
        st.tuples(st.just("resize"), st.integers(0, 8_000), st.none()),
    ),
    max_size=60,
)


@given(budget=st.integers(0, 8_000), operations=OPERATIONS)
@settings(deadline=None)
def test_any_history_gives_right_blocks_within_the_budget(
    budget: int, operations: list[tuple[str, int, object]]
) -> None:
    cache = BlockCache(budget)
    for name, number, argument in operations:
        if name == "take":
            assert isinstance(argument, list)
            found = cache.take(number, argument, Source(number))
            assert found == [content(number, block) for block in argument]
        elif name == "drop":
            cache.drop(number)
        else:
            cache.resize(number)
        blocks = [
            (owner, block, value)
            for owner in range(4)
            for block in range(31)
            if (value := held(cache, owner, block)) is not None
        ]
        assert all(value == content(owner, block) for owner, block, value in blocks)
        counts = cache.counts()
        assert counts.blocks == len(blocks)
        assert counts.resident_bytes == sum(
            len(value) + CACHE_ENTRY_BYTES for _, _, value in blocks
        )
        assert counts.resident_bytes <= counts.budget_bytes


def test_threads_get_right_blocks_and_keep_the_budget() -> None:
    cache = BlockCache(12_000)
    start = Barrier(4)

    def work(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - repeatable is the point
        start.wait()
        for _ in range(400):
            owner = chance.randrange(1, 4)
            blocks = chance.sample(range(40), chance.randrange(1, 6))
            found = cache.take(owner, blocks, Source(owner))
            assert found == [content(owner, block) for block in blocks]
            assert cache.counts().resident_bytes <= 12_000
            if chance.random() < 0.05:
                cache.drop(owner)
            elif chance.random() < 0.05:
                cache.resize(12_000 - chance.randrange(8_000))

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(work, seed) for seed in range(4)]:
            each.result()


def test_dropping_over_and_over_leaves_no_traces() -> None:
    cache = BlockCache(1 << 20)
    for owner in range(1, 400):
        cache.take(owner, range(20), Source(owner))
        cache.drop(owner)
    assert len(cache._probation) + len(cache._main) < 2_000
    assert not cache._owners
