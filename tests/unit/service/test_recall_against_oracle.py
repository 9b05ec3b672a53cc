from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from engram.model.memory import Memory
from engram.testing.embedders import HashingEmbedder
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

KINDS = ["episodic", "semantic", "procedural", "concept"]
NAMES = ["x", "y", "z"]
WORDS = ["tea", "sea", "house", "boat"]


def day(number: int) -> datetime:
    return datetime(1969, 12, 1 + number, tzinfo=UTC)


def passes(memory: Memory, wanted: dict[str, Any]) -> bool:
    """The meaning of the filters, one memory at a time."""
    tags = set(memory.tags)
    checks: dict[str, Callable[[Any], bool]] = {
        "tags_all": lambda names: set(names) <= tags,
        "tags_any": lambda names: bool(set(names) & tags),
        "tags_none": lambda names: not set(names) & tags,
        "kinds": lambda names: memory.kind in names,
        "sources": lambda names: memory.source in names,
        "sessions": lambda names: memory.session in names,
        "occurred_after": lambda moment: memory.occurred_at >= moment,
        "occurred_before": lambda moment: memory.occurred_at < moment,
        "recorded_after": lambda moment: memory.recorded_at >= moment,
        "recorded_before": lambda moment: memory.recorded_at < moment,
        "confidence_min": lambda least: memory.confidence >= least,
    }
    return all(checks[name](value) for name, value in wanted.items())


def some(random: np.random.Generator, names: list[str]) -> list[str]:
    return [name for name in names if random.random() < 0.4]


def memory_of(random: np.random.Generator, number: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "content": f"{' '.join(random.choice(WORDS, 3))} {number}",
        "kind": str(random.choice(KINDS)),
        "confidence": float(random.integers(0, 11)) / 10,
        "occurred_at": day(int(random.integers(30))),
        "tags": some(random, NAMES),
        "source": str(random.choice(NAMES)),
        "session": str(random.choice(NAMES)),
    }
    return {name: value for name, value in fields.items() if random.random() < 0.85}


def filters_of(random: np.random.Generator, recorded: list[datetime]) -> dict[str, Any]:
    every: dict[str, Any] = {
        "tags_all": some(random, NAMES) or ["x"],
        "tags_any": [*some(random, NAMES), "unknown"],
        "tags_none": some(random, NAMES) or ["unknown"],
        "kinds": some(random, KINDS) or ["concept"],
        "sources": some(random, NAMES) or ["unknown"],
        "sessions": some(random, NAMES) or ["z"],
        "occurred_after": day(int(random.integers(15))),
        "occurred_before": day(int(random.integers(10, 30))),
        "recorded_after": recorded[int(random.integers(len(recorded)))],
        "recorded_before": recorded[int(random.integers(len(recorded)))],
        "confidence_min": float(random.integers(0, 11)) / 10,
    }
    chosen = random.choice(list(every), int(random.integers(0, 4)), replace=False)
    return {str(name): every[str(name)] for name in chosen}


@pytest.mark.parametrize("seed", range(4))
async def test_every_way_to_recall_honours_every_filter(seed: int) -> None:
    random = np.random.default_rng(seed)
    embedder = HashingEmbedder(32)
    async with simulated_store(embedder=embedder) as engram:
        space = await engram.space()
        items: list[Any] = [{"content": f"tea {n}", **memory_of(random, n)} for n in range(90)]
        ids = (await space.remember_many(items)).ids
        for n in range(0, 90, 9):
            await space.forget(ids[n])
        living = list(await space.list(limit=1000))
        assert len(living) == 80
        recorded = [memory.recorded_at for memory in living]
        for _ in range(40):
            wanted = filters_of(random, recorded)
            expected = {memory.id for memory in living if passes(memory, wanted)}
            page = await space.list(limit=1000, **wanted)
            assert {memory.id for memory in page} == expected
            assert page.total == len(expected)
            cue = "tea sea house boat"
            vector = (await embedder.embed([cue]))[0]
            for question in (
                {"cue": cue},
                {"embedding": vector},
                {"cue": cue, "embedding": vector},
            ):
                found = await space.recall(**question, limit=1000, **wanted)
                assert {hit.memory.id for hit in found} <= expected
                assert found.candidates == len(expected)
            speaking = {memory.id for memory in living if set(memory.content.split()) & set(WORDS)}
            by_words = {hit.memory.id for hit in await space.recall(cue, limit=1000, **wanted)}
            assert speaking & expected <= by_words


async def test_recall_by_vector_ranks_as_the_cosine_does() -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(400, 24)).astype(np.float32)
    async with simulated_store() as engram:
        space = await engram.space()
        ids = list((await space.remember_many([""] * 400, embeddings=rows)).ids)
        for _ in range(10):
            query = random.normal(size=24)
            units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
            cosines = units @ (query / np.linalg.norm(query))
            best = np.argsort(-cosines)[:5]
            found = await space.recall(embedding=query, limit=5)
            assert [hit.memory.id for hit in found] == [ids[row] for row in best]
            parts = [hit.parts["similarity"] for hit in found]
            assert parts == pytest.approx(cosines[best].tolist(), abs=1e-5)
            assert [hit.score for hit in found] == sorted((h.score for h in found), reverse=True)
