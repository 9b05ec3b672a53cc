from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from engram.model.errors import (
    DimensionMismatch,
    InvalidRequest,
    MemoryNotFound,
    SpaceNotFound,
)
from engram.model.limits import CONTENT_BYTES_MAX
from engram.service.space import Space
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

NAN, INF = float("nan"), float("inf")
DEEP: dict[str, Any] = {}
for _ in range(65):
    DEEP = {"a": DEEP}

BAD_MEMORIES: list[tuple[dict[str, Any], str]] = [
    ({}, "content is empty and there is no embedding"),
    ({"content": 5}, "content is int, not text"),
    ({"content": b"x"}, "content is bytes, not text"),
    ({"content": "a\ud800b"}, "content holds a lone surrogate at character 1"),
    ({"content": "x" * (101 * 1024)}, "split it into several memories"),
    ({"content": "\u00e4" * (51 * 1024)}, "over content_bytes_max of 102,400"),
    ({"content": "a", "confidence": 1.01}, "confidence 1.01 is not a number from 0 to 1"),
    ({"content": "a", "confidence": -0.1}, "confidence -0.1 is not a number from 0 to 1"),
    ({"content": "a", "confidence": NAN}, "confidence nan is not a number from 0 to 1"),
    ({"content": "a", "confidence": True}, "confidence True is not a number"),
    ({"content": "a", "confidence": "1"}, "confidence '1' is not a number"),
    ({"content": "a", "kind": "fact"}, "is not one of episodic, semantic, procedural, concept"),
    ({"content": "a", "kind": 5}, "kind 5 is not one of"),
    (
        {"content": "a", "occurred_at": datetime(2024, 1, 1)},  # noqa: DTZ001 - the case
        "has no zone; add one",
    ),
    ({"content": "a", "occurred_at": "2024"}, "occurred_at is str, not a datetime"),
    (
        {"content": "a", "occurred_at": datetime.fromisoformat("0001-01-01T00:00+00:00")},
        "outside the years 1678 to 2261",
    ),
    ({"content": "a", "tags": "tag"}, "use ['tag']"),
    ({"content": "a", "tags": [1]}, "tag must be text"),
    ({"content": "a", "tags": [[1]]}, "not a list of texts"),
    ({"content": "a", "tags": 5}, "tags is int, not a list of texts"),
    ({"content": "a", "tags": [""]}, "tag must be text of 1 to 128 characters"),
    ({"content": "a", "tags": ["\udfff"]}, "tag holds a lone surrogate"),
    ({"content": "a", "tags": [str(n) for n in range(65)]}, "at most 64"),
    ({"content": "a", "source": "s" * 129}, "source must be text of 1 to 128"),
    ({"content": "a", "source": "\ud800"}, "source holds a lone surrogate"),
    ({"content": "a", "session": 5}, "session must be text"),
    ({"content": "a", "metadata": [1]}, "metadata is list, not a mapping"),
    ({"content": "a", "metadata": {"a": "\ud800"}}, "metadata cannot be written as JSON"),
    ({"content": "a", "metadata": {"a": object()}}, "metadata cannot be written as JSON"),
    ({"content": "a", "metadata": {"a": [NAN]}}, "metadata holds nan, which JSON does not know"),
    ({"content": "a", "metadata": DEEP}, "deeper than metadata_depth_max"),
    ({"content": "a", "metadata": {"a": "x" * 65536}}, "over metadata_bytes_max of 65,536"),
    ({"content": "a", "embedding": [NAN, 1.0]}, "every number must be finite"),
    ({"content": "a", "embedding": [INF, 1.0]}, "every number must be finite"),
    ({"content": "a", "embedding": [1e300, 1.0]}, "every number must be finite"),
    ({"content": "a", "embedding": np.full(4, 3e38, np.float32)}, "must be finite"),
    ({"content": "a", "embedding": np.full(4, NAN, np.float32)}, "must be finite"),
    ({"content": "a", "embedding": []}, "1 to 4096"),
    ({"content": "a", "embedding": np.ones(4097, np.float32)}, "1 to 4096"),
    ({"content": "a", "embedding": [[1.0, 2.0], [3.0, 4.0]]}, "shape (2, 2)"),
    ({"content": "a", "embedding": 5.0}, "shape ()"),
    ({"content": "a", "embedding": "text"}, "embedding is not an array of numbers"),
]


@pytest.mark.parametrize(("fields", "remedy"), BAD_MEMORIES)
async def test_a_bad_memory_is_refused_with_its_remedy_and_stores_nothing(
    fields: dict[str, Any], remedy: str
) -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        with pytest.raises(InvalidRequest) as refused:
            await space.remember(**fields)
        assert remedy in str(refused.value)
        with pytest.raises(InvalidRequest):
            await space.remember_many(["good", fields])  # type: ignore[list-item]
        assert (await space.list()).total == 0


async def test_every_violation_of_a_memory_is_listed_at_once() -> None:
    async with simulated_store() as engram:
        with pytest.raises(InvalidRequest) as refused:
            await (await engram.space()).remember(
                "\ud800", confidence=2, kind="x", tags="t", source="", metadata={"a": NAN}
            )
        assert len(refused.value.violations) == 6


async def test_every_bad_item_of_a_batch_is_named_by_position() -> None:
    async with simulated_store() as engram:
        items: list[Any] = ["good", "", {"contents": "x"}, 5, {"content": "y", "confidence": 7}]
        with pytest.raises(InvalidRequest) as refused:
            await (await engram.space()).remember_many(items)
        starts = [violation.split(":")[0] for violation in refused.value.violations]
        assert starts == ["item 1", "item 2", "item 3", "item 4"]


async def test_a_batch_of_many_bad_items_names_twenty_and_counts_the_rest() -> None:
    async with simulated_store() as engram:
        with pytest.raises(InvalidRequest) as refused:
            await (await engram.space()).remember_many([""] * 50)
        assert len(refused.value.violations) == 21
        assert refused.value.violations[-1] == "and 30 more"


@pytest.mark.parametrize(
    ("items", "embeddings"),
    [
        ([{"content": "a", "embedding": [1.0]}, "b"], None),
        ([{"content": "a", "embedding": [1.0]}, {"content": "b", "embedding": [1.0, 2.0]}], None),
        (["a", "b"], [[1.0, 2.0]]),
        (["a", "b"], [[1.0], [2.0, 3.0]]),
        (["a", "b"], [[1.0, 2.0], [NAN, 2.0]]),
    ],
)
async def test_embeddings_that_do_not_fit_a_batch_are_refused(items: Any, embeddings: Any) -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        with pytest.raises(InvalidRequest):
            await space.remember_many(items, embeddings=embeddings)
        assert (await space.list()).total == 0


async def test_the_longest_content_is_taken_and_comes_back_byte_for_byte() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        text = "\u00e4" * (CONTENT_BYTES_MAX // 2)
        stored = await space.remember(text)
        assert (await space.get(stored.id)).content == text


async def test_a_vector_of_another_length_is_refused_by_every_verb() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("a", embedding=[1.0, 2.0])
        with pytest.raises(DimensionMismatch, match="holds vectors of 2"):
            await space.remember("b", embedding=[1.0])
        with pytest.raises(DimensionMismatch):
            await space.remember_many(["b"], embeddings=[[1.0, 2.0, 3.0]])
        with pytest.raises(DimensionMismatch):
            await space.recall(embedding=[1.0])
        assert (await space.list()).total == 1


BAD_READS: list[tuple[Callable[[Space], Awaitable[object]], str]] = [
    (lambda s: s.recall(), "recall needs a cue"),
    (lambda s: s.recall(" \n"), "recall needs a cue"),
    (lambda s: s.recognize(" "), "recognize needs a cue: a text, an embedding, or both"),
    (lambda s: s.search(""), "search needs words to look for; name at least one, or list"),
    (lambda s: s.search(" \n"), "search needs words to look for; name at least one, or list"),
    (lambda s: s.recall(5), "the cue is int"),  # type: ignore[arg-type]
    (lambda s: s.recall("x" * 8193), "over cue_characters_max"),
    (lambda s: s.recall("a", limit=0), "limit 0 is not a whole number from 1 to 1000"),
    (lambda s: s.recall("a", limit=1001), "limit 1001"),
    (lambda s: s.recall("a", limit=2.5), "limit 2.5"),  # type: ignore[arg-type]
    (lambda s: s.recall("a", tags_all="x"), "use ['x']"),
    (lambda s: s.recall("a", tags_any=5), "tags_any is int"),  # type: ignore[arg-type]
    (lambda s: s.recall("a", sources=[1]), "sources holds 1"),  # type: ignore[list-item]
    (lambda s: s.recall("a", kinds=["x"]), "is not one of"),
    (lambda s: s.recall("a", confidence_min=NAN), "confidence_min nan"),
    (lambda s: s.recall("a", confidence_min="x"), "confidence_min"),  # type: ignore[arg-type]
    (lambda s: s.recall("a", occurred_after="x"), "not a datetime"),  # type: ignore[arg-type]
    (lambda s: s.recall("a", recorded_before=datetime(2024, 1, 1)), "no zone"),  # noqa: DTZ001
    (lambda s: s.recall(embedding=[NAN]), "must be finite"),
    (lambda s: s.list(limit=0), "limit 0"),
    (lambda s: s.list(cursor="zebra"), "not one that list returned"),
    (lambda s: s.list(cursor=5), "not one that list returned"),  # type: ignore[arg-type]
    (lambda s: s.get("zebra"), "is not a UUID"),
    (lambda s: s.get("\ud800"), "is not a UUID"),
    (lambda s: s.forget(""), "is not a UUID"),
]


@pytest.mark.parametrize(("verb", "remedy"), BAD_READS)
async def test_a_bad_question_is_refused_with_its_remedy(
    verb: Callable[[Space], Awaitable[object]], remedy: str
) -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        with pytest.raises(InvalidRequest) as refused:
            await verb(space)
        assert remedy in str(refused.value)


@pytest.mark.parametrize("cursor", ["f" * 40, "-" + "f" * 40])
async def test_a_cursor_beyond_every_time_is_a_place_at_an_end(cursor: str) -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("a")
        assert (await space.list(cursor=cursor)).total == 1


async def test_every_violation_of_the_filters_is_listed_at_once() -> None:
    async with simulated_store() as engram:
        with pytest.raises(InvalidRequest) as refused:
            await (await engram.space()).recall("a", tags_all="x", kinds=["y"], confidence_min=7)
        assert len(refused.value.violations) == 3


@pytest.mark.parametrize(
    "space_id", ["", "A", "a b", "../x", "a/b", "x" * 65, "\ud800", "\u00e4", 5, None, ".hidden"]
)
async def test_a_space_id_outside_the_rule_is_refused_by_every_verb(space_id: Any) -> None:
    async with simulated_store() as engram:
        for verb in (engram.space, engram.create_space, engram.drop_space, engram.reembed):
            with pytest.raises(InvalidRequest, match="breaks the rule"):
                await verb(space_id)


async def test_what_is_not_there_is_said_to_be_not_there() -> None:
    unknown = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"
    async with simulated_store() as engram:
        space = await engram.space()
        for verb in (space.get, space.forget):
            with pytest.raises(MemoryNotFound, match="engram list --space default"):
                await verb(unknown)
        nowhere = await engram.space("nowhere")
        with pytest.raises(SpaceNotFound, match="engram space create nowhere"):
            await nowhere.recall("a")
        with pytest.raises(SpaceNotFound):
            await engram.drop_space("nowhere")
        with pytest.raises(InvalidRequest, match="cannot be deleted"):
            await engram.drop_space("default")


async def test_a_lone_surrogate_in_a_cue_is_searched_for_as_an_unknown_letter() -> None:
    async with simulated_store() as engram:
        space = await engram.space()
        await space.remember("a house by the sea")
        assert len(await space.recall("\ud800 house")) == 1
