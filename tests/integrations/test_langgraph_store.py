"""The store of LangGraph does what its base class promises, and keeps namespaces apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypedDict

import anyio.to_thread
import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

import engram
import engram.sync
from engram.integrations.langgraph import EngramStore
from engram.model.errors import InvalidRequest
from engram.model.limits import LABEL_CHARACTERS_MAX
from engram.service.space import Space
from engram.service.store import Engram
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import HistoryClock, simulated_store

pytestmark = pytest.mark.anyio

MINUTE_NS = 60 * 10**9
ADA, BOB = ("users", "ada"), ("users", "bob")
PEOPLE = {
    "ada": {"name": "Ada", "age": 36, "likes": ["tea", "sums"], "home": {"city": "London"}},
    "bob": {"name": "Bob", "age": 7, "likes": ["jam"], "admin": True, "note": None},
    "cyd": {"name": "Cyd", "admin": False, "age": 36.5},
}
FILTERS: tuple[dict[str, Any], ...] = (
    {"name": "Ada"},
    {"age": {"$gt": 7}},
    {"age": {"$gte": 7, "$lt": 36.5}},
    {"age": {"$lte": 36}, "name": {"$ne": "Bob"}},
    {"likes": ["tea", "sums"]},
    {"likes": ["tea"]},
    {"home": {"city": "London"}},
    {"admin": True},
    {"admin": {"$eq": False}},
    {"note": None},
    {"missing": {"$ne": 1}},
)


@pytest.fixture
async def store(space: Space, clock: HistoryClock) -> EngramStore:
    """A store whose times to live are told by the clock of the test."""
    return EngramStore(space, clock=clock)


async def test_an_item_is_put_got_changed_and_deleted(
    store: EngramStore, clock: HistoryClock
) -> None:
    await store.aput(ADA, "food", {"likes": "pizza"})
    first = await store.aget(ADA, "food")
    clock.advance(MINUTE_NS)
    await store.aput(ADA, "food", {"likes": "pasta", "how": {"often": [1, 2.5, None, True]}})
    second = await store.aget(ADA, "food")

    assert first is not None
    assert second is not None
    assert (first.namespace, first.key, first.value) == (ADA, "food", {"likes": "pizza"})
    assert second.value == {"likes": "pasta", "how": {"often": [1, 2.5, None, True]}}
    assert second.created_at == first.created_at == first.updated_at
    assert second.updated_at - first.updated_at == timedelta(seconds=60)
    assert len(await store.asearch(ADA)) == 1

    await store.adelete(ADA, "food")
    await store.adelete(ADA, "food")
    assert await store.aget(ADA, "food") is None
    assert await store.asearch(()) == []


async def test_the_same_put_again_makes_no_second_item(store: EngramStore, space: Space) -> None:
    for _ in range(3):
        await store.aput(ADA, "food", {"likes": "pizza"})
    assert (await space.stats()).memories == 1


async def test_what_is_new_to_many_tasks_at_once_is_one_item(
    store: EngramStore, space: Space
) -> None:
    async with anyio.create_task_group() as tasks:
        for at in range(10):
            tasks.start_soon(store.aput, ADA, "count", {"at": at})
    assert (await space.stats()).memories == 1


async def test_what_several_processes_put_at_once_is_one_item(
    space: Space, clock: HistoryClock
) -> None:
    """A new key, and one that is there; none of them is refused, and the newest is kept.

    Stores of their own do not wait for each other, as processes do not.
    """
    for round_number in range(3):
        async with anyio.create_task_group() as tasks:
            for at in range(10):
                put = EngramStore(space, clock=clock).aput
                tasks.start_soon(put, ADA, "count", {"at": at, "round": round_number})
        (memory,) = (await space.list()).memories
        item = await EngramStore(space, clock=clock).aget(ADA, "count")
        assert item is not None
        assert (item.value["round"], item.updated_at) == (round_number, memory.recorded_at)


async def test_a_namespace_shows_nothing_of_another(store: EngramStore, db: Engram) -> None:
    for namespace in (ADA, BOB, ("users", "ada", "work"), ("users", "adam"), ("ada",)):
        await store.aput(namespace, "secret", {"text": f"the secret of {'/'.join(namespace)}"})

    assert {item.namespace for item in await store.asearch(ADA)} == {ADA, (*ADA, "work")}
    found = await store.asearch(ADA, query="the secret of bob")
    assert {item.namespace for item in found} == {ADA, (*ADA, "work")}
    assert {item.namespace for item in await store.asearch(("users",))} == {
        ADA, BOB, (*ADA, "work"), ("users", "adam"),
    }  # fmt: skip
    assert await store.aget(("users", "eve"), "secret") is None
    assert await EngramStore(await db.space("others")).asearch(()) == []


async def test_names_longer_than_a_label_are_told_apart(store: EngramStore) -> None:
    long = "n" * LABEL_CHARACTERS_MAX
    places = [((long, last), long + last) for last in ("a", "b")]
    for namespace, key in places:
        await store.aput(namespace, key, {"of": key})
    for namespace, key in places:
        (item,) = await store.asearch(namespace)
        assert (item.key, await store.aget(namespace, key)) == (key, item)
    assert await store.alist_namespaces() == [namespace for namespace, _ in places]


async def test_a_query_ranks_by_what_a_text_says(store: EngramStore) -> None:
    await store.aput(ADA, "food", {"text": "Ada likes pizza with mushrooms"})
    await store.aput(ADA, "pet", {"text": "the dog of Ada is called Turing"})
    await store.aput(ADA, "hidden", {"text": "pizza pizza pizza"}, index=False)
    await store.aput(ADA, "part", {"title": "pizza", "text": "rain"}, index=["text"])

    found = await store.asearch(ADA, query="who likes pizza", limit=2)
    assert found[0].key == "food"
    scores = [item.score for item in found if item.score is not None]
    assert len(scores) == len(found)
    assert scores == sorted(scores, reverse=True)
    every = await store.asearch(ADA, query="hidden pizza rain", limit=10)
    assert "hidden" not in {item.key for item in every}
    assert next(item for item in every if item.key == "part").value["title"] == "pizza"
    assert len(await store.asearch(ADA)) == 4
    second = await store.asearch(ADA, query="who likes pizza", limit=1, offset=1)
    assert [item.key for item in second] == [item.key for item in found[1:]]


async def test_filters_pass_what_those_of_langgraph_pass(store: EngramStore) -> None:
    theirs = InMemoryStore()
    for key, value in PEOPLE.items():
        theirs.put(ADA, key, value)
        await store.aput(ADA, key, value)
    for wanted in FILTERS:
        expected = {item.key for item in theirs.search(ADA, filter=wanted)}
        for query in (None, "name"):
            found = await store.asearch(ADA, filter=wanted, query=query)
            assert {item.key for item in found} == expected, wanted
            assert all((item.score is None) == (query is None) for item in found)


async def test_what_has_no_order_passes_no_bound(store: EngramStore) -> None:
    """LangGraph's own store in RAM fails here, and Postgres passes over it."""
    await store.aput(ADA, "a", {"x": "text"})
    await store.aput(ADA, "b", {"y": 1})
    assert await store.asearch(ADA, filter={"x": {"$gt": 1}}) == []


async def test_an_operator_that_is_not_there_is_refused(store: EngramStore) -> None:
    await store.aput(ADA, "a", {"x": 1})
    with pytest.raises(InvalidRequest, match=r"no operator '\$like'"):
        await store.asearch(ADA, filter={"x": {"$like": "1"}})


async def test_namespaces_are_listed_by_ends_and_depth(store: EngramStore) -> None:
    theirs = InMemoryStore()
    paths = [("a", "b", "c"), ("a", "b", "d", "e"), ("a", "b", "d", "i"), ("a", "c", "f"), ("b",)]
    for path in paths:
        theirs.put(path, "k", {"x": 1})
        await store.aput(path, "k", {"x": 1})
    conditions: tuple[tuple[MatchCondition, ...], ...] = (
        (),
        (MatchCondition("prefix", ("a", "b")),),
        (MatchCondition("suffix", ("f",)),),
        (MatchCondition("prefix", ("a", "*", "d")), MatchCondition("suffix", ("*",))),
    )
    for each in conditions:
        for depth in (None, 1, 3):
            op = ListNamespacesOp(each, depth, limit=3, offset=1 if depth else 0)
            assert (await store.abatch([op])) == theirs.batch([op])


async def test_an_item_lives_as_long_as_it_was_read_last(
    store: EngramStore, clock: HistoryClock
) -> None:
    await store.aput(ADA, "token", {"text": "blue"}, ttl=10)
    await store.aput(ADA, "left", {"text": "red"}, ttl=10)
    clock.advance(9 * MINUTE_NS)
    assert await store.aget(ADA, "token") is not None
    assert await store.aget(ADA, "left", refresh_ttl=False) is not None
    clock.advance(9 * MINUTE_NS)
    assert [item.key for item in await store.asearch(ADA, query="blue red")] == ["token"]
    clock.advance(9 * MINUTE_NS)
    assert await store.aget(ADA, "token") is not None
    await store.aput(ADA, "left", {"text": "again"})
    clock.advance(11 * MINUTE_NS)
    assert [item.key for item in await store.asearch(())] == ["left"]


async def test_many_tasks_may_begin_one_time_to_live_anew(store: EngramStore) -> None:
    await store.aput(ADA, "token", {"text": "blue"}, ttl=10)
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(store.aget, ADA, "token")
        tasks.start_soon(store.aput, ADA, "token", {"text": "red"})
    found = await store.aget(ADA, "token")
    assert found is not None
    assert found.value == {"text": "red"}


async def test_a_batch_reads_before_it_writes_and_its_last_put_counts(store: EngramStore) -> None:
    await store.aput(ADA, "x", {"at": 0})
    results = await store.abatch(
        [
            PutOp(ADA, "x", {"at": 1}),
            GetOp(ADA, "x"),
            PutOp(ADA, "x", {"at": 2}),
            PutOp(ADA, "y", {"at": 3}),
            SearchOp(ADA),
        ]
    )
    assert results[0] is results[2] is results[3] is None
    assert [getattr(results[1], "value", None)] == [{"at": 0}]
    assert {item.key: item.value["at"] for item in await store.asearch(ADA)} == {"x": 2, "y": 3}


async def test_items_are_there_when_the_store_is_opened_again(
    anyio_backend: str,  # noqa: ARG001 - loop
) -> None:
    disk = SimulatedFilesystem()
    for _ in range(2):
        async with simulated_store(disk, embedder=HashingEmbedder()) as db:
            store = EngramStore(await db.space("agents"))
            found = await store.aget(ADA, "food")
            await store.aput(ADA, "food", {"likes": "pizza"})
    assert found is not None
    assert found.value == {"likes": "pizza"}


async def test_another_thread_may_use_the_store_of_a_loop_and_its_own_may_not(
    store: EngramStore,
) -> None:
    await anyio.to_thread.run_sync(store.put, ADA, "food", {"likes": "pizza"})
    found = await anyio.to_thread.run_sync(store.get, ADA, "food")
    assert found is not None
    with pytest.raises(InvalidRequest, match="own event loop"):
        store.get(ADA, "food")


async def test_another_loop_may_use_the_store_of_a_loop(store: EngramStore) -> None:
    await store.aput(ADA, "food", {"likes": "pizza"})
    found = await anyio.to_thread.run_sync(lambda: anyio.run(store.aget, ADA, "food"))
    assert found == await store.aget(ADA, "food")
    assert found is not None


async def test_a_store_of_a_server_is_one_like_any_other(served: str) -> None:
    async with engram.connect(served) as db:
        store = EngramStore(await db.space("agents"))
        assert await store.asearch(ADA, query="pizza") == []
        assert await store.alist_namespaces() == []
        await store.abatch([PutOp(ADA, f"k{at}", {"text": f"pizza {at}"}) for at in range(120)])
        await store.aput(ADA, "k7", {"text": "pasta", "n": 7}, ttl=5)
        found = await store.abatch([GetOp(ADA, f"k{at}") for at in range(120)])
        assert [getattr(item, "key", None) for item in found] == [f"k{at}" for at in range(120)]
        (item,) = await store.asearch(("users",), query="pasta", filter={"n": {"$gt": 6}})
        assert (item.key, item.value) == ("k7", {"text": "pasta", "n": 7})
        assert await store.alist_namespaces() == [ADA]
        await store.adelete(ADA, "k7")
        assert await store.aget(ADA, "k7") is None


async def test_a_store_without_await_serves_tasks_too(waited: engram.sync.Space) -> None:
    store = EngramStore(waited)
    store.put(ADA, "food", {"likes": "pizza"})
    found = await store.aget(ADA, "food")
    assert found == store.get(ADA, "food")
    assert found is not None


class State(TypedDict):
    """What the graph of the test passes on."""

    said: str
    known: list[str]


def _graph(store: EngramStore) -> Any:
    def remember(state: State, runtime: Runtime[None]) -> dict[str, Any]:
        if runtime.store is None:
            raise TypeError
        runtime.store.put(ADA, "said", {"text": state["said"]})
        return {}

    async def recall(state: State, runtime: Runtime[None]) -> dict[str, Any]:
        if runtime.store is None:
            raise TypeError
        found = await runtime.store.asearch(ADA, query=state["said"])
        return {"known": [item.value["text"] for item in found]}

    graph = StateGraph(State)
    graph.add_node("remember", remember)
    graph.add_node("recall", recall)
    graph.add_edge(START, "remember")
    graph.add_edge("remember", "recall")
    graph.add_edge("recall", END)
    return graph.compile(store=store)


async def test_a_graph_reads_what_its_nodes_wrote(store: EngramStore, anyio_backend: str) -> None:
    """A node without `await` runs in a thread, one with it on the loop."""
    if anyio_backend == "trio":
        pytest.skip("LangGraph runs graphs under asyncio alone")
    graph = _graph(store)
    await graph.ainvoke({"said": "I like pizza", "known": []})
    done = await graph.ainvoke({"said": "what do I like?", "known": []})
    assert done["known"] == ["what do I like?"]


def test_what_is_no_space_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="dict is no memory space"):
        EngramStore({})  # type: ignore[arg-type]
