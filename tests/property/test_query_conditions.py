"""Rows are judged as a slow reader of memories would judge them, one by one."""

from __future__ import annotations

import fnmatch
import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.model.answer import Answer
from engram.model.conditions import (
    AllOf,
    Among,
    AnyOf,
    Between,
    Compare,
    Condition,
    Contains,
    Has,
    Matches,
    Moment,
    Not,
)
from engram.model.memory import Memory
from engram.query.printer import printed_condition
from engram.testing.clock import FakeClock
from engram.testing.stores import simulated_store

COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "BEFORE": operator.lt, "AFTER": operator.ge,
}  # fmt: skip
MISSING: Final = "00000000-0000-7000-8000-000000000000"
BEGIN: Final = datetime(2024, 1, 1, tzinfo=UTC)
WORDS: Final = ["red", "Blue", "green", "Straße", "a*b"]
LABELS: Final = ["x", "y", "z"]


def us(moment: datetime) -> int:
    """Return microseconds since the epoch."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def holds(condition: Condition, memory: Memory) -> bool:  # noqa: PLR0911 - one a sort
    """Whether a memory meets a condition, as the page says it."""
    if isinstance(condition, AllOf):
        return all(holds(part, memory) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return any(holds(part, memory) for part in condition.parts)
    if isinstance(condition, Not):
        return not holds(condition.part, memory)
    if isinstance(condition, Contains):
        return str(condition.text).casefold() in memory.content.casefold()
    if isinstance(condition, Matches):
        return fnmatch.fnmatchcase(memory.content.lower(), str(condition.pattern).lower())
    if isinstance(condition, Has):
        return condition.label in (memory.tags if condition.field == "tag" else memory.entities)
    if isinstance(condition, Among):
        return any(compared(memory, condition.field, "=", value) for value in condition.values)
    if isinstance(condition, Between):
        return any(
            compared_with(one, ">=", condition.low) and compared_with(one, "<=", condition.high)
            for one in values_of(memory, condition.field)
        )
    return compared(memory, condition.field, condition.operator, condition.value)


def with_ids(condition: Condition, ids: list[str]) -> Condition:
    """Return a condition with ids in the place of numbers of memories, some of them of none."""
    if isinstance(condition, AllOf | AnyOf):
        return type(condition)(tuple(with_ids(part, ids) for part in condition.parts))
    if isinstance(condition, Not):
        return Not(with_ids(condition.part, ids))
    if isinstance(condition, Among) and condition.field == "id":
        known = [*ids, MISSING]
        return Among("id", tuple(known[int(n) % len(known)] for n in condition.values))  # type: ignore[arg-type]
    return condition


def compared(memory: Memory, field: str, name: str, value: Any) -> bool:
    """Whether one of a field's values compares so; there may be none, or several in a list."""
    if name == "!=":
        return not compared(memory, field, "=", value)
    return any(compared_with(one, name, value) for one in values_of(memory, field))


def values_of(memory: Memory, field: str) -> list[Any]:
    """Return what a memory has in a field: nothing, one value, or a list of them."""
    if field.startswith("metadata."):
        found = (memory.metadata or {}).get(field.removeprefix("metadata."))
    else:
        times = {"created": memory.recorded_at, "occurred": memory.occurred_at}
        found = us(times[field]) if field in times else getattr(memory, field)
    return found if isinstance(found, list) else [found]


def compared_with(one: Any, name: str, value: Any) -> bool:
    """Whether a value compares so with another of its sort."""
    wanted = value.us if isinstance(value, Moment) else value
    return kind_of(one) == kind_of(wanted) and COMPARE[name](one, wanted)


def kind_of(value: object) -> str:
    """Return what compares with what: true is no 1."""
    return "number" if type(value) in (int, float) else type(value).__name__


SCALARS: st.SearchStrategy[Any] = st.sampled_from([1, 2.5, "red", "blue", True, False])
ORDERED: st.SearchStrategy[Any] = st.sampled_from([0, 1, 2, 2.5, "a", "red"])
MOMENTS = st.integers(-2, 8).map(lambda hour: Moment(us(BEGIN + timedelta(hours=hour))))
NUMBERS = st.sampled_from([0, 0.25, 0.5, 1, 2, 3, 5, 7, -1, 10**20])
PATTERNS = st.lists(st.sampled_from(["*", "?", "r", "RED", "blue", "e", "*", "straße"]), max_size=5)
FIELDS: Final[dict[str, tuple[tuple[str, ...], st.SearchStrategy[Any]]]] = {
    "kind": (("=", "!="), st.sampled_from(["episodic", "semantic"])),
    "source": (("=", "!="), st.sampled_from([*LABELS, "nobody"])),
    "session": (("=", "!="), st.sampled_from(LABELS)),
    "fact_key": (("=", "!="), st.sampled_from(LABELS)),
    "content": (("=", "!="), st.sampled_from(WORDS)),
    "confidence": (("=", "!=", "<", "<=", ">", ">="), NUMBERS),
    "priority": (("=", "!=", "<", "<=", ">", ">="), NUMBERS),
    "seen_count": (("=", "!=", "<", "<=", ">", ">="), NUMBERS),
    "created": (("=", "!=", "<", "<=", ">", ">=", "BEFORE", "AFTER"), MOMENTS),
    "occurred": (("=", "!=", "<", "<=", ">", ">=", "BEFORE", "AFTER"), MOMENTS),
}


@st.composite
def leaves(draw: st.DrawFn) -> Condition:  # noqa: PLR0911 - one a sort
    """Return a condition on one field of what is remembered here."""
    sort = draw(st.integers(0, 6))
    if sort == 0:
        field = draw(st.sampled_from(["tag", "entity"]))
        return Has(field, draw(st.sampled_from([*LABELS, "nobody"])))
    if sort == 1:
        return Contains(draw(st.sampled_from(["RED", "b", "strasse", "*", "re"])))
    if sort == 2:
        return Matches("".join(draw(PATTERNS)) or "*")
    if sort == 3 and draw(st.booleans()):
        return Among("id", tuple(draw(st.lists(st.integers(0, 9), min_size=1, max_size=3))))
    if sort == 3:
        field = draw(st.sampled_from(["metadata.color", "metadata.size", "metadata.none"]))
        if draw(st.booleans()):
            return Compare(field, draw(st.sampled_from(["=", "!="])), draw(SCALARS))
        if draw(st.booleans()):
            return Between(field, draw(ORDERED), draw(ORDERED))
        return Compare(field, draw(st.sampled_from(["<", "<=", ">", ">="])), draw(ORDERED))
    field = draw(st.sampled_from(list(FIELDS)))
    operators, found = FIELDS[field]
    if sort == 4:
        return Among(field, tuple(draw(st.lists(found, min_size=1, max_size=3))))
    if sort == 5 and "<" in operators:
        return Between(field, draw(found), draw(found))
    return Compare(field, draw(st.sampled_from(operators)), draw(found))


CONDITIONS = st.recursive(
    leaves(),
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
    ),
    max_leaves=5,
)


@st.composite
def memories(draw: st.DrawFn) -> dict[str, Any]:
    """Return what one memory is remembered with; every text has a word of the cue."""
    fields: dict[str, Any] = {
        "content": " ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))),
        "kind": draw(st.sampled_from(["episodic", "semantic"])),
        "confidence": draw(st.sampled_from([0, 0.25, 0.5, 1])),
        "tags": draw(st.lists(st.sampled_from(LABELS), max_size=2, unique=True)),
        "entities": draw(st.lists(st.sampled_from(LABELS), max_size=2, unique=True)),
        "priority": draw(st.sampled_from([1, 3, 5, 7])),
        "occurred_at": BEGIN + timedelta(hours=draw(st.integers(-1, 5))),
    }
    for name in ("source", "session", "fact_key"):
        fields[name] = draw(st.none() | st.sampled_from(LABELS))
    metadata = {
        name: value
        for name in ("color", "size")
        if (value := draw(st.none() | SCALARS | st.lists(SCALARS, max_size=2))) is not None
    }
    return fields | {"metadata": metadata or None}


@settings(max_examples=60)
@given(
    st.lists(memories(), min_size=1, max_size=8),
    st.lists(st.integers(0, 7), max_size=3),
    st.lists(CONDITIONS, min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_conditions_hold_as_a_slow_reader_finds_them(
    items: list[dict[str, Any]], forgotten: list[int], conditions: list[Condition], limit: int
) -> None:
    """And LIMIT counts those that meet them."""

    async def story() -> None:
        clock = FakeClock(us(BEGIN) * 1_000)
        async with simulated_store(clock=clock) as engram:
            space = await engram.space()
            ids = []
            for item in items:
                ids.append((await space.remember(embedding=[1.0, 0.0], **item)).id)
                clock.advance(3_600 * 1_000_000_000)
            gone = {ids[number] for number in forgotten if number < len(ids)}
            for each in gone:
                await space.forget(each)
            living = (await space.list()).memories
            for condition in (with_ids(each, ids) for each in conditions):
                text = f"RECALL [1, 0] WHERE {printed_condition(condition)} LIMIT"
                wanted = {memory.id for memory in living if holds(condition, memory)}
                answer: Answer = await space.query(f"{text} 1000")
                assert {row["id"] for row in answer} == wanted, text
                few = await space.query(f"{text} {limit}")
                assert len(few) == min(limit, len(wanted))

    anyio.run(story)


GRID: Final[dict[str, list[Any]]] = {
    "kind": ["episodic", "semantic"],
    "source": ["x", "nobody"],
    "session": ["y"],
    "fact_key": ["z"],
    "content": ["red", "Blue red"],
    "confidence": [0.25, 0.5, 1],
    "priority": [1, 3, 3.5],
    "seen_count": [1, 2],
    "created": [],
    "occurred": [Moment(us(BEGIN + timedelta(hours=hour))) for hour in (0, 1)],
    "metadata.size": [1, 2.5, "red", True],
}
ITEMS: Final[list[dict[str, Any]]] = [
    {"content": "red", "source": "x", "confidence": 0.25, "priority": 1, "metadata": {"size": 1}},
    {"content": "Blue red", "session": "y", "confidence": 0.5, "metadata": {"size": [2.5, "red"]}},
    {"content": "green", "kind": "semantic", "fact_key": "z", "metadata": {"size": True}},
    {"content": "plain", "priority": 3, "source": "w"},
]


def test_every_operator_of_every_field_holds_at_its_bounds() -> None:
    """As a filter, where there is one, and as a condition."""

    async def story() -> None:
        clock = FakeClock(us(BEGIN) * 1_000)
        async with simulated_store(clock=clock) as engram:
            space = await engram.space()
            for hour, item in enumerate(ITEMS):
                occurred = BEGIN + timedelta(hours=hour)
                await space.remember(embedding=[1.0, 0.0], occurred_at=occurred, **item)
                clock.advance(3_600 * 1_000_000_000)
            living = (await space.list()).memories
            recorded = [Moment(us(memory.recorded_at)) for memory in living[:2]]
            for field, values in (GRID | {"created": recorded}).items():
                ordered = FIELDS.get(field, (tuple(COMPARE)[:6],))[0]
                for value in values:
                    asked: list[Condition] = [Among(field, (value, values[0]))]
                    fitting = ("=", "!=") if isinstance(value, bool) else ordered
                    asked += [Compare(field, name, value) for name in fitting]
                    if "<" in ordered and not isinstance(value, bool):
                        asked.append(Between(field, values[0], value))
                    for condition in asked:
                        wanted = {memory.id for memory in living if holds(condition, memory)}
                        for each in (condition, Not(Not(condition))):
                            text = f"RECALL [1, 0] WHERE {printed_condition(each)}"
                            answer = await space.query(text)
                            assert {row["id"] for row in answer} == wanted, text

    anyio.run(story)
