"""The graph of a space beside plain lists of its edges, whatever came in between."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from engram.model.association import ALIVE_EDGE
from engram.model.collecting import collect
from engram.model.commands import ANY_KIND, Associate, Command, Dissociate, Erase, Forget, Remember
from engram.model.ids import MemoryId
from engram.retrieval import graph as graphs
from engram.retrieval.graph import GraphIndex, SpaceGraph
from engram.state.apply import apply
from engram.state.compaction import Compaction
from engram.state.decide import decide
from engram.state.digest_edges import edges_living
from engram.state.space import SpaceState, View

NOW = 1_700_000_000_000_000_000
LABELS = ("x", "y", "z")
STEPS = 60

Lists = dict[int, list[tuple[int, int, float]]]


def listed(found: SpaceGraph, view: View) -> Lists:
    """Return the edges of each node as a reader of the graph meets them: target, kind, weight."""
    graph = found.graph
    assert graph.kinds is not None
    numbers = found.state_edges(np.arange(found.edges_count))
    ends = graph.sources_of(np.arange(found.edges_count))
    assert view.associations.gather("source", numbers).tolist() == ends.tolist()
    columns = [(graph.edges, graph.kinds)]
    if graph.fresh is not None:
        assert graph.fresh.kinds is not None
        columns.append((graph.fresh.edges, graph.fresh.kinds))
    lists: Lists = {}
    edges = np.concatenate([each for each, _ in columns])
    kinds = np.concatenate([each for _, each in columns])
    for source, edge, kind in zip(ends.tolist(), edges.tolist(), kinds.tolist(), strict=True):
        lists.setdefault(source, []).append((edge[0], kind, edge[1]))
    return lists


def plain(view: View) -> Lists:
    """Return the same from the columns of the state, an edge at a time."""
    found, lists = view.associations, Lists()
    for edge in edges_living(view).tolist():
        at = np.array([edge])
        source, target, kind, weight = (
            found.gather(name, at)[0].item() for name in ("source", "target", "kind", "weight")
        )
        lists.setdefault(source, []).append((target, kind, weight))
    return lists


class History:
    """A space with edges; its graph is caught up with now and then."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable is the point
        self.state = SpaceState()
        self.index = GraphIndex()
        self.now = NOW

    def commit(self, *commands: Command) -> None:
        """Carry commands out."""
        self.now += 1_000
        for event, vectors in decide(self.state, "s", commands, self.now).events:
            apply(self.state, event, vectors, self.state.lsn + 1)

    def some_id(self) -> MemoryId:
        """Return the id of any row."""
        view = self.state.view()
        row = np.array([self.chance.randrange(view.count)])
        return MemoryId(int(view.gather("id_high", row)[0]), int(view.gather("id_low", row)[0]))

    def remember(self) -> None:
        """Remember some memories, together or as a batch."""
        chance = self.chance
        items = [
            Remember(
                content=b"",
                content_key=0,
                kind=0,
                confidence=1.0,
                occurred_at=None,
                source=None,
                session=chance.choice([None, *LABELS]),
                tags=tuple(chance.sample(LABELS, chance.randrange(3))),
                metadata=b"",
                vector=b"",
                inverse_norm=math.nan,
                embedder="",
                chance=chance.randbytes(10),
                associate=chance.random() < 0.9,
            )
            for _ in range(chance.choice([1, 1, 4]))
        ]
        self.commit(collect(items, "", 0)) if chance.random() < 0.5 else self.commit(*items)

    def associate(self) -> None:
        """Make an edge, or be refused."""
        source, target = self.some_id(), self.some_id()
        if source != target:
            one, other = (np.array([each], "<u8").tobytes() for each in (source, target))
            weight = np.array([self.chance.choice([0.25, 0.5, 1.0])], "<f4").tobytes()
            kind = bytes([self.chance.randrange(2)])
            self.commit(Associate(1, one, other, kind, b"\0", weight, weight, bytes(4), []))

    def dissociate(self) -> None:
        """End what leads from one memory to another, or be refused."""
        self.commit(Dissociate(self.some_id(), self.some_id(), ANY_KIND))

    def forget(self) -> None:
        """Forget a memory, or be refused."""
        self.commit(Forget(self.some_id()))

    def erase(self) -> None:
        """Erase a memory, or be refused."""
        self.commit(Erase((self.some_id(),)))

    def compact(self) -> None:
        """Drop the rows whose history is over."""
        horizon = self.now - self.chance.choice([0, 10_000])
        assert Compaction(self.state.freeze(), horizon, erased_stay=False).swap(self.state)

    def fold(self) -> None:
        """Lay the columns out anew."""
        self.index.fold()

    def step(self) -> None:
        """Do one thing, and mostly compare."""
        verbs = {
            self.remember: 4.0,
            self.associate: 3.0,
            self.dissociate: 1.0,
            self.forget: 1.0,
            self.erase: 0.3,
            self.compact: 0.4,
            self.fold: 1.0,
        }
        (verb,) = self.chance.choices(list(verbs), list(verbs.values()))
        if self.state.count or verb == self.remember:
            verb()
        if self.chance.random() < 0.7:
            view = self.state.view()
            assert listed(self.index.at(view), view) == plain(view)


@pytest.mark.parametrize("spare", [0, 4_096])
def test_a_graph_has_the_edges_that_plain_lists_have(
    spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for new nodes, and without, when each of them has the columns laid out anew."""
    monkeypatch.setattr("engram.retrieval.graph_columns._SPARE_MIN", spare)
    for seed in range(8):
        history = History(seed)
        for _ in range(STEPS):
            history.step()


def test_what_a_reader_was_given_never_changes() -> None:
    history, given = History(3), []
    for _ in range(STEPS):
        history.step()
        view = history.state.view()
        found = history.index.at(view)
        columns = (found.graph.offsets, found.graph.edges, found.numbers)
        given.append((found, [column.tobytes() for column in columns]))
    for found, before in given:
        columns = (found.graph.offsets, found.graph.edges, found.numbers)
        assert [column.tobytes() for column in columns] == before


def test_the_graph_of_an_earlier_time_is_as_it_was_then() -> None:
    history, taken = History(5), []
    for _ in range(STEPS):
        history.chance.choice([history.remember, history.remember])()
        for verb in (history.associate, history.dissociate, history.forget):
            if history.chance.random() < 0.4:
                verb()
        view = history.state.view()
        taken.append((view.recorded_last, plain(view)))
    view = history.state.view()
    for moment, edges in taken:
        assert listed(GraphIndex().at_time(view, moment), view) == edges


def test_a_view_behind_the_graph_is_given_the_newer_one() -> None:
    history = History(7)
    history.remember()
    old = history.state.view()
    for _ in range(5):
        history.remember()
    newer = history.index.at(history.state.view())
    assert history.index.at(old) is newer


def test_many_fresh_edges_want_folding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "_FRESH_MIN", 3)
    monkeypatch.setattr(graphs, "_NODES_LEFT", 0)
    history = History(1)
    history.index.at(history.state.view())
    while not history.index.wants_folding:
        history.remember()
        history.index.at(history.state.view())
    history.index.fold()
    found = history.index.at(history.state.view())
    assert found.graph.fresh is None
    flags = history.state.view().associations.gather("flags", np.arange(found.edges_count))
    assert ((flags & ALIVE_EDGE) != 0).all()
