"""The retriever of LangChain says what a recall found, and why."""

from __future__ import annotations

import json

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

import engram.sync
from engram.integrations.langchain import EngramRetriever
from engram.model.errors import InvalidRequest
from engram.service.space import Space

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests on the one event loop that LangChain knows."""
    return "asyncio"


async def test_a_document_says_what_the_recall_said(space: Space) -> None:
    first = await space.remember(
        "Ada met Charles Babbage", tags=["history"], session="s", metadata={"page": 3}
    )
    second = await space.remember("They spoke of an engine", session="s", source="letter")
    retriever = EngramRetriever(space=space, limit=5, arguments={"explain": True})

    found = await retriever.ainvoke("who met Babbage?")
    hits = (await space.recall("who met Babbage?", limit=5, explain=True)).recollections

    assert [each.id for each in found] == [hit.memory.id for hit in hits] == [first.id, second.id]
    for each, hit in zip(found, hits, strict=True):
        told = each.metadata
        assert (each.page_content, told["id"]) == (hit.memory.content, hit.memory.id)
        assert told["score"] == pytest.approx(hit.score)
        assert told["confidence"] == pytest.approx(hit.confidence)
        assert told["explanation"] == hit.explanation
        json.dumps(told)
    assert (found[0].metadata["metadata"], found[0].metadata["tags"]) == ({"page": 3}, ["history"])
    way = [(step["memory_id"], step["kind"]) for step in found[1].metadata["path"]]
    assert way == [(first.id, None), (second.id, "temporal")]


async def test_filters_and_the_limit_hold(space: Space) -> None:
    for at in range(3):
        await space.remember(f"note {at}", tags=["even" if at % 2 == 0 else "odd"])
    even = EngramRetriever(space=space, arguments={"tags_all": ["even"]})
    assert {each.page_content for each in await even.ainvoke("note")} == {"note 0", "note 2"}
    assert len(await EngramRetriever(space=space, limit=1).ainvoke("note")) == 1


async def test_nothing_is_found_where_nothing_was_written(space: Space) -> None:
    assert await EngramRetriever(space=space).ainvoke("anything") == []


async def test_it_is_part_of_a_chain(space: Space) -> None:
    await space.remember("Ada met Charles Babbage")

    def first(documents: list[Document]) -> str:
        return documents[0].page_content

    chain = EngramRetriever(space=space) | RunnableLambda(first)
    assert await chain.ainvoke("who met Babbage?") == "Ada met Charles Babbage"


def test_it_works_without_await(waited: engram.sync.Space) -> None:
    done = waited.remember("Ada met Charles Babbage")
    assert [each.id for each in EngramRetriever(space=waited).invoke("Babbage")] == [done.id]


def test_what_is_no_space_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="str is no memory space"):
        EngramRetriever(space="default")
