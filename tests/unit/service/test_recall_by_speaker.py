from __future__ import annotations

import pytest

from engram.adapters.embedders.static import StaticEmbedder
from engram.testing.embedders import HashingEmbedder
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio


async def test_what_the_named_one_says_comes_before_what_mentions_them() -> None:
    async with simulated_store(embedder=HashingEmbedder()) as db:
        space = await db.space()
        await space.remember_many(["Ben: Ana likes tea", "Ana: tea it is", "Ben: I like coffee"])
        hits = (await space.recall("Ana tea")).recollections
    assert hits[0].memory.content == "Ana: tea it is"
    assert [hit.parts["speaker"] for hit in hits] == [
        float(hit.memory.content.startswith("Ana")) for hit in hits
    ]


async def test_a_cue_that_names_no_speaker_has_full_scores() -> None:
    async with simulated_store(embedder=HashingEmbedder()) as db:
        space = await db.space()
        await space.remember_many(["Ana: tea", "Ben: a house by the sea"])
        [hit] = (await space.recall("a house by the sea", limit=1)).recollections
    assert hit.parts["speaker"] == 0
    assert hit.score > 0.95


async def test_the_vector_of_a_cue_is_made_without_the_names_of_speakers() -> None:
    async with simulated_store(embedder=StaticEmbedder()) as db:
        space = await db.space()
        await space.remember_many(["Ana: hello", "the harbour at night"])
        named = (await space.recall("Ana the harbour at night")).recollections
        plain = (await space.recall("the harbour at night")).recollections
    cosines = [
        {hit.memory.content: hit.parts["similarity"] for hit in hits} for hits in (named, plain)
    ]
    assert cosines[0] == cosines[1]
