"""What is imagined is copied, field by field, from memories that are cited."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from engram.model.errors import MemoryNotFound
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engram.model.answer import AnswerRow
    from engram.service.particulars import EpisodeParts
    from engram.service.space import Space

pytestmark = pytest.mark.anyio

EPISODES: dict[str, dict[str, Any]] = {
    "tea": {"what": "tea", "where": "the garden", "who": ("Ada",), "how": "slowly"},
    "chess": {"what": "chess", "where": "the library", "who": ("Bo",), "why": "rain"},
    "race": {"what": "a race", "where": "the river", "who": ("Cy", "Di")},
}


class Told(NamedTuple):
    """A space with three episodes and a memory without one, less and less like [1, 0]."""

    space: Space
    ids: dict[str, str]

    async def imagined(self, statement: str, **parameters: Any) -> list[AnswerRow]:
        """Return the rows of an answer."""
        return list(await self.space.query(statement, parameters))


@asynccontextmanager
async def told() -> AsyncIterator[Told]:
    """Open a store with what there is to blend."""
    async with simulated_store() as engram:
        space, ids = await engram.space(), {}
        for number, (name, parts) in enumerate(EPISODES.items()):
            vector, episode = [1.0, number / 4], cast("EpisodeParts", parts)
            ids[name] = (await space.remember(name, embedding=vector, episode=episode)).id
        ids["note"] = (await space.remember("a plain note", embedding=[1.0, 0.9])).id
        yield Told(space, ids)


async def test_without_novelty_the_episodes_are_as_they_were() -> None:
    async with told() as here:
        rows = await here.imagined("IMAGINE [1, 0] NOVELTY 0")
        assert [row["what"] for row in rows] == ["tea", "chess", "a race", "a plain note"]
        for row, name in zip(rows, ("tea", "chess", "race", "note"), strict=True):
            told_by = {field: row[field] for field in ("what", "where", "who", "why", "how")}
            assert {k: v for k, v in told_by.items() if v} == EPISODES.get(
                name, {"what": "a plain note"}
            )
            assert set(row["sources"].values()) == {here.ids[name]}
            assert (row["novelty"], row.evidence) == (0.0, (here.ids[name],))
        recalled = await here.space.recall(embedding=[1.0, 0.0], reinforce=False)
        assert [row.confidence for row in rows] == pytest.approx(
            [hit.confidence for hit in recalled], abs=1e-6
        )


async def test_every_field_is_copied_from_the_memory_it_cites() -> None:
    async with told() as here:
        names = {each: name for name, each in here.ids.items()}
        for novelty in (0.2, 0.5, 0.8, 1.0):
            for row in await here.imagined("IMAGINE [1, 0] NOVELTY $n", n=novelty):
                for field, source in row["sources"].items():
                    stored = EPISODES.get(names[source], {"what": "a plain note"})
                    assert row[field] == stored[field]
                assert set(row.evidence) == set(row["sources"].values())


async def test_the_more_novelty_the_more_comes_from_others_and_the_less_sure_it_is() -> None:
    async with told() as here:
        surest = {}
        for novelty in (0.0, 0.4, 1.0):
            rows = await here.imagined("IMAGINE [1, 0] NOVELTY $n", n=novelty)
            surest[novelty] = rows[0]
            assert len({tuple(row["sources"].items()) for row in rows}) == len(rows)
        assert surest[0.0]["novelty"] < surest[0.4]["novelty"] < surest[1.0]["novelty"]
        sure = [row.confidence or 0 for row in surest.values()]
        assert sure == sorted(sure, reverse=True)
        assert sure[0] > sure[1]
        blend = surest[0.4]  # of five fields two: why, which it has not, then how or why
        assert blend["what"] in {"tea", "chess"}
        assert len(blend.evidence) == 2


async def test_every_clause_changes_what_is_imagined() -> None:
    async with told() as here:
        every = await here.imagined("IMAGINE [1, 0]")
        assert len(every) > 2
        assert [row.confidence for row in every] == sorted(
            (row.confidence or 0 for row in every), reverse=True
        )
        assert len(await here.imagined("IMAGINE [1, 0] LIMIT 1")) == 1
        bound = every[1].confidence
        kept = await here.imagined("IMAGINE [1, 0] CONFIDENCE >= $c", c=bound)
        assert len(kept) == 2
        pair = [here.ids["tea"], here.ids["race"]]
        based = await here.imagined("IMAGINE [1, 0] BASED ON $ids", ids=pair)
        assert {each for row in based for each in row.evidence} == set(pair)
        near = await here.imagined("IMAGINE [1, 0] THRESHOLD 0.95 NOVELTY 0")
        assert [row["what"] for row in near] == ["tea", "chess"]


async def test_imagining_is_no_access_and_says_when_there_is_nothing() -> None:
    async with told() as here:
        await here.imagined("IMAGINE [1, 0]")
        assert (await here.space.get(here.ids["tea"])).access_count == 0
        answer = await here.space.query("IMAGINE [1, 0] CONFIDENCE > 0.9999")
        assert answer.note == "nothing that came to mind can be told so surely"
        answer = await here.space.query('IMAGINE "zzz"')
        assert answer.note is not None
        with pytest.raises(MemoryNotFound):
            await here.imagined("IMAGINE 00000000-0000-7000-8000-000000000000")
