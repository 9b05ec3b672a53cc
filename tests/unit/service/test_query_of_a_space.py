"""Statements are carried out on a space's own data, and every clause changes the answer."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from engram.model.errors import (
    DimensionMismatch,
    InvalidRequest,
    MemoryNotFound,
    QuerySyntaxError,
    QueryTooCostly,
    SpaceNotFound,
)
from engram.model.memory import to_datetime
from engram.testing.clock import FakeClock
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engram.service.space import Space
    from engram.service.store import Engram

pytestmark = pytest.mark.anyio

HOUR = 3_600 * 1_000_000_000
OCCURRED = datetime(2020, 1, 1, tzinfo=UTC)


class Library(NamedTuple):
    """A space with five memories about ships, and what is around it."""

    db: Engram
    space: Space
    clock: FakeClock
    ids: list[str]

    async def asked(self, statement: str, **parameters: Any) -> list[int]:
        """Return the numbers of the memories that a statement lists, in its order."""
        answer = await self.space.query(statement, parameters)
        return [self.ids.index(row["id"]) for row in answer]


@asynccontextmanager
async def ships() -> AsyncIterator[Library]:
    """Open a store with memories an hour apart, less and less like the vector [1, 0]."""
    clock = FakeClock()
    async with simulated_store(clock=clock) as db:
        space, ids = await db.space(), []
        for number in range(5):
            done = await space.remember(
                f"the ship number {number} " + "sails " * (5 - number),
                embedding=[1.0, number / 4],
                tags=["even"] if number % 2 == 0 else ["odd"],
                confidence=1.0 - number / 10,
                priority=number + 1,
                occurred_at=OCCURRED - timedelta(days=number),
                metadata={"number": number, "colour": ["red", "blue"][number % 2]},
                associate=False,
            )
            ids.append(done.id)
            clock.advance(HOUR)
        yield Library(db, space, clock, ids)


async def test_a_recall_lists_what_the_library_recalls() -> None:
    async with ships() as library:
        recalled = await library.space.recall("ship sails", limit=3, reinforce=False)
        answer = await library.space.query('RECALL "ship sails" LIMIT 3')
        assert [row["id"] for row in answer] == [hit.memory.id for hit in recalled]
        assert [row["score"] for row in answer] == pytest.approx([hit.score for hit in recalled])
        row = answer[0]
        assert row.confidence == pytest.approx(recalled[0].confidence)
        assert row.confidence_interval == pytest.approx(recalled[0].confidence_interval)
        assert answer.confidence == max(row.confidence or 0 for row in answer)
        assert answer.evidence == tuple(hit.memory.id for hit in recalled)
        assert row.memory is not None
        assert row.memory.content == row["content"]
        assert answer.columns[:2] == ("id", "content")
        assert {"parse", "filter", "fuse", "total"} <= set(answer.timings_us)
        assert (answer.space, answer.note, answer.plan) == ("default", None, None)
        assert len(answer.result) == 3


async def test_every_sort_of_cue_recalls() -> None:
    async with ships() as library:
        first, *_, last = library.ids
        assert await library.asked("RECALL [1, 0] LIMIT 2") == [0, 1]
        assert await library.asked("RECALL $v LIMIT 2", v=[0.0, 1.0]) == [4, 3]
        assert await library.asked("RECALL $text LIMIT 1", text="number 3") == [3]
        assert await library.asked(f"RECALL {first} LIMIT 1") == [1]
        assert await library.asked(f"RECALL {last} LIMIT 1") == [3]


async def test_every_clause_of_a_recall_changes_the_answer() -> None:
    async with ships() as library:
        all_of = await library.asked("RECALL [1, 0]")
        assert all_of == [0, 1, 2, 3, 4]
        assert await library.asked('RECALL [1, 0] WHERE tag HAS "odd"') == [1, 3]
        assert await library.asked("RECALL [1, 0] THRESHOLD 0.9") == [0, 1]
        answer = await library.space.query("RECALL [1, 0]")
        middle = sorted(row.confidence or 0 for row in answer)[2]
        kept = await library.space.query("RECALL [1, 0] CONFIDENCE >= $c", {"c": middle})
        assert [row["id"] for row in kept] == [
            row["id"] for row in answer if (row.confidence or 0) >= middle
        ]
        assert len(kept) == 3
        doubted = await library.space.query("RECALL [1, 0] BASE_RATE 0.1")
        for row, before in zip(doubted, answer, strict=True):
            sure = before.confidence or 0
            assert row.confidence == pytest.approx(
                0.1 * sure / (0.1 * sure + 0.9 * (1 - sure)), abs=1e-6
            )
        assert await library.asked("RECALL [1, 0] AS OF 210 minutes ago") == [0, 1]
        assert await library.asked("RECALL [1, 0] ORDER BY occurred") == [4, 3, 2, 1, 0]
        assert await library.asked("RECALL [1, 0] ORDER BY created DESC") == [4, 3, 2, 1, 0]
        assert await library.asked("RECALL [1, 0] ORDER BY priority DESC LIMIT 2") == [4, 3]
        assert await library.asked("RECALL [1, 0] ORDER BY score") == [4, 3, 2, 1, 0]
        assert await library.asked("RECALL [1, 0] LIMIT 2") == [0, 1]
        assert await library.asked("RECALL [1, 0] LIMIT 2 OFFSET 3") == [3, 4]
        assert await library.asked("RECALL [1, 0] LIMIT 2 OFFSET 5") == []


@pytest.mark.parametrize("key", ["confidence", "similarity", "lexical", "retrievability"])
async def test_an_answer_is_sorted_by_what_it_shows(key: str) -> None:
    async with ships() as library:
        for direction, is_falling in (("", False), (" ASC", False), (" DESC", True)):
            answer = await library.space.query(f'RECALL "sails number 3" ORDER BY {key}{direction}')
            shown = [row[key] for row in answer]
            assert shown == sorted(shown, reverse=is_falling)
            assert len(shown) == 5


async def test_limit_counts_what_meets_the_conditions() -> None:
    """Not what was a candidate before: the least alike is found under LIMIT 1."""
    async with ships() as library:
        assert await library.asked("RECALL [1, 0] WHERE metadata.number = 4 LIMIT 1") == [4]
        assert await library.asked("RECALL [1, 0] THRESHOLD 0.9 LIMIT 1 OFFSET 1") == [1]
        least = "RECALL [1, 0] CONFIDENCE < $c LIMIT 1"
        answer = await library.space.query("RECALL [1, 0]")
        last = min(row.confidence or 0 for row in answer)
        assert await library.asked(least, c=last + 1e-6) == [4]


async def test_only_what_is_listed_was_accessed() -> None:
    async with ships() as library:
        await library.asked("RECALL [1, 0] ORDER BY occurred LIMIT 1")
        counts = [(await library.space.get(each)).access_count for each in library.ids]
        assert counts == [0, 0, 0, 0, 1]


async def test_an_answer_without_rows_says_why() -> None:
    async with ships() as library:
        answer = await library.space.query('RECALL [1, 0] WHERE tag HAS "none"')
        assert (len(answer), answer.note) == (0, "the filters removed all 5 memories")
        assert (answer.confidence, answer.confidence_interval, answer.evidence) == (None, None, ())
        answer = await library.space.query("RECALL [1, 0] LIMIT 5 OFFSET 5")
        assert answer.note is not None
        assert "5 memories were recalled, and none of them is left" in answer.note


async def test_activation_spreads_as_far_as_a_statement_says() -> None:
    async with ships() as library:
        a, b, c, d, _ = library.ids
        await library.space.associate(a, b, "causal", weight=1.0)
        await library.space.associate(b, c, "temporal", weight=0.5)
        await library.space.associate(c, d, "causal", weight=1.0)

        async def reached(statement: str, **parameters: Any) -> list[int]:
            answer = await library.space.query(statement, parameters)
            return [library.ids.index(row["memory"]) for row in answer]

        assert await reached("SPREAD FROM $a", a=a) == [1, 2, 3]
        assert await reached("SPREAD FROM $a MAX_HOPS 2", a=a) == [1, 2]
        assert await reached("SPREAD FROM $a VIA causal", a=a) == [1]
        assert await reached("SPREAD FROM $a DECAY 4", a=a) == [1]
        assert await reached("SPREAD FROM $a THRESHOLD 0.2", a=a) == [1]
        assert await reached("SPREAD FROM $a LIMIT 1", a=a) == [1]
        assert await reached("SPREAD FROM $ids VIA causal", ids=[a, c]) == [1, 3]
        same = await library.space.spread([a])
        answer = await library.space.query(f"SPREAD FROM {a}")
        assert [row["activation"] for row in answer] == [each.activation for each in same]
        assert (answer.confidence, answer.evidence) == (None, (b, c, d))
        nothing = await library.space.query(f"SPREAD FROM {d}")
        assert nothing.note is not None


async def test_what_there_is_is_shown() -> None:
    async with ships() as library:
        a, b, c, *_ = library.ids
        await library.space.associate(a, b, "causal", weight=0.8, confidence=0.5, why="wind")
        await library.space.associate(b, c, "semantic", weight=0.5)
        await library.space.associate(a, c, "temporal", weight=0.1)
        asked = library.space.query
        (row,) = await asked("SHOW ASSOCIATIONS OF $a VIA causal", {"a": a})
        assert (row["source"], row["target"], row["why"], row.confidence) == (a, b, "wind", 0.5)
        assert row.evidence == (a, b)
        both = await asked("SHOW ASSOCIATIONS OF $b DIRECTION BOTH", {"b": b})
        assert [row["kind"] for row in both] == ["causal", "semantic"]
        assert len(await asked("SHOW ASSOCIATIONS OF $a LIMIT 1", {"a": a})) == 1
        ends = {"a": a, "c": c}
        (way,) = await asked("SHOW PATHS FROM $a TO $c", ends)
        assert way["path"] == f"{a} -causal-> {b} -semantic-> {c}"
        assert way.evidence == (a, b, c)
        assert way.confidence == pytest.approx(0.5 * 0.8 * 0.5 * 0.4966, rel=1e-3)
        (way,) = await asked("SHOW PATHS FROM $a TO $c SHORTEST", ends)
        assert way["hops"] == 1
        assert len(await asked("SHOW PATHS FROM $a TO $c LIMIT 5", ends)) == 2
        assert (await asked("SHOW PATHS FROM $a TO $c VIA emotional", ends)).note is not None
        (way,) = await asked("SHOW PATHS FROM $a TO $c MAX_HOPS 1", ends)
        assert way["strength"] == pytest.approx(0.1)


async def test_contradictions_and_numbers_are_shown() -> None:
    async with ships() as library:
        one, two = [
            (await library.space.remember(f"Ada lives in {city}.", embedding=[0.0, 1.0])).id
            for city in ("London", "Paris")
        ]
        (row,) = await library.space.query("SHOW CONTRADICTIONS")
        assert set(row.evidence) == {one, two}
        assert set(row["claims"]) == {"London", "Paris"}
        assert len(await library.space.query(f"SHOW CONTRADICTIONS OF {library.ids[0]}")) == 0
        stats = await library.space.query("SHOW STATS")
        assert {row["name"]: row["value"] for row in stats}["memories"] == 7
        assert len(await library.space.query("SHOW CONCEPTS")) == 0
        with pytest.raises(InvalidRequest, match="no concept"):
            await library.space.query(f"SHOW BELIEFS OF {one}")


async def test_another_space_answers_when_it_is_named() -> None:
    async with ships() as library:
        other = await library.db.space("other")
        await other.remember("a ship elsewhere", embedding=[1.0, 0.0])
        answer = await library.space.query('RECALL "ship" IN SPACE other')
        assert [row["content"] for row in answer] == ["a ship elsewhere"]
        assert answer.space == "other"
        shown = await library.space.query("SHOW SPACES")
        assert {row["id"]: row["memories"] for row in shown} == {"default": 5, "other": 1}
        with pytest.raises(SpaceNotFound):
            await library.space.query('RECALL "ship" IN SPACE nowhere')
        with pytest.raises(InvalidRequest, match="breaks the rule"):
            await library.space.query('RECALL "ship" IN SPACE "../other"')


async def test_a_plan_is_told_and_nothing_carried_out() -> None:
    async with ships() as library:
        answer = await library.space.query(
            'EXPLAIN RECALL [1, 0] WHERE tag HAS "odd" AND metadata.number > 0 '
            "CONFIDENCE > 0.1 ORDER BY created LIMIT 2"
        )
        assert (len(answer), answer.result) == (0, None)
        assert answer.plan is not None
        steps = {step.name: step for step in answer.plan.steps}
        assert list(steps) == ["filter", "vectors", "fuse", "select"]
        assert steps["filter"].detail == 'tag HAS "odd" AND metadata.number > 0'
        assert all(step.measured_us is None for step in steps.values())
        assert answer.plan.cost_us == sum(step.cost_us for step in steps.values())
        assert "confidence > 0.1, sorted by created, 2 from 0 on" in str(answer.plan)
        explained = await library.space.query('EXPLAIN RECALL [1, 0] WHERE tag HAS "odd"')
        assert explained.plan is not None
        assert explained.plan.steps[0].rows == 2
        assert (await library.space.get(library.ids[1])).access_count == 0


async def test_metadata_costs_what_is_not_read_yet() -> None:
    async with ships() as library:
        asked, costs = "RECALL [1, 0] WHERE metadata.number > 0", []
        for statement in (f"EXPLAIN {asked}", asked, f"EXPLAIN {asked}"):
            answer = await library.space.query(statement)
            costs += [] if answer.plan is None else [answer.plan.cost_us]
        assert costs[0] > costs[1]


async def test_bodies_cost_what_columns_leave_of_them() -> None:
    """So that a narrow search in a large space is not refused for its size."""
    async with ships() as library:
        await library.space.remember_many(
            [f"a boat {number} sails" for number in range(1_000)],
            embeddings=[[0.5, 0.5]] * 1_000,
        )
        costs = []
        for columns in ("", ' AND tag HAS "odd"'):
            statement = f'RECALL [1, 0] WHERE content MATCHES "*sails*"{columns}'
            answer = await library.space.query(f"EXPLAIN {statement}")
            assert answer.plan is not None
            costs.append(answer.plan.cost_us)
        assert costs[1] < costs[0] - 3_000
        narrow = await library.space.query(statement, budget_ms=costs[1] / 1_000 + 0.001)
        assert len(narrow) == 2
        with pytest.raises(QueryTooCostly):
            await library.space.query(
                'RECALL [1, 0] WHERE content MATCHES "*sails*"', budget_ms=costs[1] / 1_000 + 0.001
            )


async def test_conditions_hold_of_what_was_known_then() -> None:
    async with ships() as library:
        then = "AS OF 150 minutes ago"
        assert await library.asked(f"RECALL [1, 0] {then}") == [0, 1, 2]
        assert await library.asked(f'RECALL [1, 0] WHERE tag HAS "even" {then}') == [0, 2]
        either = 'tag HAS "odd" OR content CONTAINS "number 0"'
        assert await library.asked(f"RECALL [1, 0] WHERE {either} {then}") == [0, 1]
        await library.space.forget(library.ids[1])
        assert await library.asked(f"RECALL [1, 0] WHERE {either} {then}") == [0, 1]
        assert await library.asked(f"RECALL [1, 0] WHERE {either}") == [0, 3]


@pytest.mark.parametrize(
    "statement",
    ["SHOW SPACES", "SHOW STATS", "SHOW CONCEPTS", "SHOW CONTRADICTIONS", "SHOW BELIEFS OF $a",
     "SHOW ASSOCIATIONS OF $a", "SHOW PATHS FROM $a TO $b", "SPREAD FROM $a", 'RECALL "ship"',
     'PREDICT "ship" GIVEN $a', 'IMAGINE "ship"', 'COMPLETE who = "Ada"',
     'CONSOLIDATE WHERE tag HAS "odd" INTO ships', 'CONSOLIDATE "ship" INTO ships'],
)  # fmt: skip
async def test_every_statement_has_a_plan(statement: str) -> None:
    async with ships() as library:
        names = dict(zip("ab", library.ids, strict=False))
        given = {name: each for name, each in names.items() if f"${name}" in statement}
        answer = await library.space.query(f"EXPLAIN {statement}", given)
        assert answer.plan is not None
        assert answer.plan.cost_us > 0


async def test_a_profile_tells_what_was_measured() -> None:
    async with ships() as library:
        answer = await library.space.query('PROFILE RECALL "ship" WHERE tag HAS "odd" LIMIT 1')
        assert len(answer) == 1
        assert answer.plan is not None
        steps = {step.name: step for step in answer.plan.steps}
        assert steps["filter"].measured_rows == 2
        for name in ("filter", "words", "fuse"):
            assert steps[name].measured_us is not None
        assert "measured 2 rows" in str(answer.plan)
        chosen = await library.space.query('PROFILE RECALL "ship" ORDER BY created LIMIT 1')
        assert chosen.plan is not None
        measured = sum(step.measured_us or 0.0 for step in chosen.plan.steps)
        assert chosen.plan.steps[-1].measured_us == chosen.timings_us["select"]
        assert measured <= chosen.timings_us["total"]
        answer = await library.space.query("PROFILE SHOW STATS")
        assert answer.plan is not None
        assert answer.plan.steps[0].measured_rows == len(answer)


async def test_what_would_cost_too_much_is_refused_with_its_estimate() -> None:
    async with ships() as library:
        asked = library.space.query
        statement = 'RECALL "ship" WHERE content CONTAINS "sails"'
        with pytest.raises(QueryTooCostly) as error:
            await asked(statement, budget_ms=0.01)
        assert error.value.budget_ms == 0.01
        assert error.value.estimate_ms > 0.01
        assert (await library.space.get(library.ids[0])).access_count == 0
        assert (await asked(f"EXPLAIN {statement}", budget_ms=0.01)).plan is not None
        assert len(await asked(statement, budget_ms=error.value.estimate_ms + 0.001)) == 5
        for budget in (0, -1, True, "much"):
            with pytest.raises(InvalidRequest, match="budget_ms"):
                await asked(statement, budget_ms=budget)  # type: ignore[arg-type]


async def test_what_cannot_be_carried_out_says_so() -> None:
    async with ships() as library:
        missing = "00000000-0000-7000-8000-000000000000"
        asked = library.space.query
        for statement in ("RECALL", "SPREAD FROM", "SHOW ASSOCIATIONS OF", "SHOW BELIEFS OF"):
            with pytest.raises(MemoryNotFound):
                await asked(f"{statement} {missing}")
        with pytest.raises(DimensionMismatch):
            await asked("RECALL [1, 2, 3]")
        with pytest.raises(QuerySyntaxError):
            await asked('RECALL "ship" WHERE')
        with pytest.raises(InvalidRequest, match="parameter"):
            await asked("RECALL $cue")
        with pytest.raises(InvalidRequest, match="goes beyond the 1,000"):
            await asked('RECALL "ship" LIMIT 1000 OFFSET 1')
        later = to_datetime(library.clock.now()) + timedelta(days=1)
        with pytest.raises(InvalidRequest, match="in the future"):
            await asked('RECALL "ship" AS OF $t', {"t": later})
