"""Filters on metadata choose what a look at every memory would choose."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.model.cue import make_filters
from engram.model.errors import InvalidRequest
from engram.model.limits import METADATA_PATHS_MAX
from engram.testing.clock import FakeClock
from engram.testing.stores import simulated_store

HUGE = (1 << 60) + 1
KEPT: list[dict[str, Any] | None] = [
    {"lang": "en", "user": {"age": 3, "name": "Ada"}, "ok": True},
    {"lang": "de", "user": {"age": 3.5}, "ok": 1},
    {"lang": None, "user": {"age": "3"}, "user.age": 99},
    {"lang": ["fr", "en", 7], "id": HUGE},
    {"id": HUGE + 1, "date": "2024-05-01", "ok": False},
    None,
    {"user": 5, "lang": {"en": 1}, "id": float(HUGE)},
]
CASES: list[tuple[dict[str, Any], set[int]]] = [
    ({"lang": "en"}, {0, 3}),
    ({"lang": None}, {2}),
    ({"lang": 7}, {3}),
    ({"user.age": 3}, {0}),
    ({"user.age": "3"}, set()),
    ({"user.age": 99}, {2}),
    ({"user.age": {"gte": 3}}, {0, 1, 2}),
    ({"user.age": {"gt": 3, "lt": 90}}, {1}),
    ({"ok": True}, {0}),
    ({"ok": 1}, {1}),
    ({"ok": 1.0}, {1}),
    ({"id": HUGE}, {3}),
    ({"id": {"gt": HUGE}}, {4}),
    ({"date": {"gte": "2024-01-01", "lt": "2025"}}, {4}),
    ({"lang": {"in": ["de", None]}}, {1, 2}),
    ({"lang": {"gte": "e"}}, {0, 3}),
    ({"lang": "en", "user.age": {"lte": 3}}, {0}),
    ({"user.name": "Ada", "lang": "de"}, set()),
    ({"lang.en": 1}, {6}),
    ({"nowhere": 1}, set()),
    ({"lang": {}}, {0, 1, 2, 3}),
]


@pytest.mark.anyio
async def test_conditions_hold_for_values_at_their_path_and_of_their_kind() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        for n, metadata in enumerate(KEPT):
            await space.remember(f"memory {n}", metadata=metadata)
        for conditions, expected in CASES:
            listed = await space.list(metadata=conditions)
            assert {int(memory.content[-1]) for memory in listed} == expected, conditions
            recalled = await space.recall("memory", metadata=conditions)
            assert {int(hit.memory.content[-1]) for hit in recalled} == expected, conditions


@pytest.mark.anyio
async def test_what_is_remembered_forgotten_erased_and_compacted_later_is_followed() -> None:
    clock = FakeClock()
    async with simulated_store(clock=clock) as engram:
        space = await engram.space()

        async def found() -> list[str]:
            return [memory.content for memory in await space.list(metadata={"k": {"gte": 1}})]

        ids = [(await space.remember(f"m{n}", metadata={"k": n})).id for n in range(4)]
        assert await found() == ["m1", "m2", "m3"]
        await space.remember_many([{"content": "m4", "metadata": {"k": 4}}, "plain"])
        await space.forget(ids[1])
        assert await found() == ["m2", "m3", "m4"]
        await space.forget(ids[2], mode="erase")
        assert await found() == ["m3", "m4"]
        clock.advance(30 * 86_400 * 10**9)
        assert (await space.compact()).rows_dropped > 0
        assert await found() == ["m3", "m4"]
        await space.update(ids[3], metadata={"k": 0})
        assert await found() == ["m4"]


@pytest.mark.anyio
async def test_more_paths_than_are_kept_are_read_anew() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("a", metadata={f"k{n}": n for n in range(METADATA_PATHS_MAX + 5)})
        for _ in range(2):
            for n in range(METADATA_PATHS_MAX + 5):
                assert (await space.list(metadata={f"k{n}": n})).total == 1


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ("lang", "not a mapping"),
        ({"": 1}, "not a text like"),
        ({3: 1}, "not a text like"),
        ({"a": [1]}, "compared with a list"),
        ({"a": float("nan")}, "compared with a float"),
        ({"a": {"above": 1}}, "no operator 'above'"),
        ({"a": {"gte": True}}, "a number or a text"),
        ({"a": {"in": "abc"}}, "a list of values"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(conditions: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        make_filters(metadata=conditions)


@given(st.lists(st.integers(-5, 5) | st.sampled_from(["a", "b"]), max_size=20), st.integers(-6, 6))
def test_bounds_are_those_of_python(values: list[Any], bound: int) -> None:
    from engram.retrieval.metadata_index import _Values  # noqa: PLC0415 - what is tested

    kept = _Values()
    for row, value in enumerate(values):
        kept.add(row, value)
    (condition,) = make_filters(metadata={"k": {"gt": bound}}).metadata
    expected = [isinstance(value, int) and value > bound for value in values]
    assert kept.passing(condition, len(values)).tolist() == expected
