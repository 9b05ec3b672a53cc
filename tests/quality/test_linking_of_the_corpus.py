"""What is linked and consolidated of real text belongs together: bundled passages, with topics."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from engram.adapters.embedders.static import StaticEmbedder
from engram.edges.cli import corpus_reader
from engram.testing.stores import simulated_store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram.service.space import Space

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One event loop: what is linked does not depend on it."""
    return "asyncio"


def _share(pairs: Iterable[tuple[str, str]], topics: dict[str, frozenset[str]]) -> float:
    """Return which share of the pairs have a topic in common."""
    common = [bool(topics[one] & topics[other]) for one, other in pairs]
    return sum(common) / len(common)


async def _links(space: Space, ids: list[str]) -> set[tuple[str, str]]:
    links = set()
    for memory_id in ids:
        for each in await space.associations(memory_id, kinds=["semantic"]):
            links.add((memory_id, str(each.target_id)))
    return links


async def test_linked_passages_share_their_topics_more_often_than_others() -> None:
    passages = corpus_reader.passages()
    async with simulated_store(embedder=StaticEmbedder()) as engram:
        space = await engram.space()
        ids = list((await space.remember_many(passages)).ids)
        await space.wait_linked()
        topics = {
            memory_id: frozenset(passage["tags"])
            for memory_id, passage in zip(ids, passages, strict=True)
        }
        links = await _links(space, ids)
        assert len(links) >= 20
        assert _share(links, topics) > 3 * _share(combinations(ids, 2), topics)


THEMES = (
    (
        "Mia missed the early train to Basel again",
        "Mia missed her train to Basel this morning",
        "Again Mia was late and missed the train to Basel",
        "The train to Basel left without Mia, she missed it",
    ),
    (
        "The espresso machine in the office is broken",
        "Our office espresso machine broke down again",
        "Somebody must repair the espresso machine in the office",
        "The espresso machine at the office is broken once more",
    ),
    (
        "Grandma baked an apple pie with cinnamon",
        "Grandma made apple pie with cinnamon on Sunday",
        "We ate the apple pie that Grandma baked with cinnamon",
        "Grandma's apple pie with cinnamon was on the table again",
    ),
    (
        "Leo practises the violin every evening",
        "Leo practised the violin this evening",
        "In the evening Leo practises his violin",
        "Leo played the violin in the evening, as always",
    ),
)


async def test_what_happens_again_and_again_becomes_a_concept_and_nothing_else_does() -> None:
    passages = corpus_reader.passages()
    async with simulated_store(embedder=StaticEmbedder()) as engram:
        space = await engram.space()
        await space.remember_many(passages)
        told = [text for same in zip(*THEMES, strict=True) for text in same]
        ids = dict(zip((await space.remember_many(told)).ids, told, strict=True))
        done = await space.consolidate()
        assert done.episodes == len(passages) + len(told)
        found = []
        for concept in await space.concepts():
            texts = {ids[episode] for episode in concept.episodes}
            (theme,) = [n for n, same in enumerate(THEMES) if texts <= set(same)]
            found.append(theme)
            _, *quoted = concept.memory.content.splitlines()
            assert set(quoted) <= texts
        assert len(found) == len(set(found)) >= 3
