from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engram.model.association import (
    AUTOMATIC,
    BACK_WEIGHT,
    ONWARD_WEIGHT,
    AssociationKind,
)
from engram.model.collecting import collect
from engram.model.commands import ANY_KIND, Associate, Dissociate, Erase, Forget, Remember
from engram.model.errors import AssociationNotFound, InvalidRequest, MemoryNotFound
from engram.model.ids import MemoryId
from engram.model.limits import AUTOMATIC_EDGES_MAX, MENTIONS_MAX
from engram.state.apply import apply
from engram.state.association_view import HUB, NO_NODE
from engram.state.decide import decide
from engram.state.digest_edges import edges_living
from engram.state.space import SpaceState

if TYPE_CHECKING:
    from engram.model.commands import Command
    from engram.state.outcomes import Outcome

NOW = 1_700_000_000_000_000_000
TEMPORAL, MENTIONS = AssociationKind.TEMPORAL, AssociationKind.MENTIONS


class Edges:
    """A space of memories called by their text."""

    def __init__(self) -> None:
        self.state = SpaceState()
        self.ids: dict[str, MemoryId] = {}

    def commit(self, *commands: Command) -> Outcome:
        """Carry out commands that wait together; return what became of the first."""
        decision = decide(self.state, "s", commands, NOW)
        for event, vectors in decision.events:
            apply(self.state, event, vectors, self.state.lsn + 1)
        return decision.outcomes[0]

    def memory(
        self, text: str, session: str | None = None, *tags: str, associate: bool = True
    ) -> Remember:
        """Return the command that remembers a text."""
        return Remember(
            content=text.encode(),
            content_key=len(self.ids) + 1,
            kind=0,
            confidence=1.0,
            occurred_at=None,
            source=None,
            session=session,
            tags=tags,
            metadata=b"",
            vector=b"",
            inverse_norm=math.nan,
            embedder="",
            chance=len(self.ids).to_bytes(10, "little"),
            associate=associate,
        )

    def remember(
        self, text: str, session: str | None = None, *tags: str, associate: bool = True
    ) -> None:
        """Remember a text."""
        outcome = self.commit(self.memory(text, session, *tags, associate=associate))
        self.ids[text] = MemoryId(*outcome.ids[0])

    def associate(self, *pairs: str, flags: int = 0, weight: float = 0.5) -> Outcome:
        """Make semantic edges between memories written like "a>b"."""
        ends = [pair.split(">") for pair in pairs]
        sources, targets = (
            np.array([self.ids[end[n]] for end in ends], "<u8").tobytes() for n in (0, 1)
        )
        count = len(pairs)
        numbers = np.full(count, weight, "<f4").tobytes()
        whys = np.ones(count, "<u4").tobytes()
        return self.commit(
            Associate(
                count,
                sources,
                targets,
                bytes(count),
                bytes([flags]) * count,
                numbers,
                numbers,
                whys,
                ["why"],
            )
        )

    def found(self, kind: AssociationKind | None = None) -> set[str]:
        """Return the edges that are there, written like "a>b"; a hub by its label in brackets."""
        view = self.state.view()
        edges = edges_living(view)
        if kind is not None:
            edges = edges[view.associations.gather("kind", edges) == kind]
        names = [self._names(view.associations.gather(n, edges)) for n in ("source", "target")]
        return {f"{one}>{other}" for one, other in zip(*names, strict=True)}

    def _names(self, nodes: np.ndarray) -> list[str]:
        view = self.state.view()
        return [
            f"[{view.labels.labels[owner & ~HUB]}]" if owner & HUB else view.content(owner)
            for owner in view.associations.owners_of(nodes).tolist()
        ]


def test_a_memory_leads_on_more_than_back_in_its_session() -> None:
    lone, batch, items = Edges(), Edges(), []
    for text in "ab":
        lone.remember(text, "s")
        items.append(batch.memory(text, "s"))
        batch.ids[text] = MemoryId(0, 0)
    batch.commit(collect(items, "", 0))
    for edges in (lone, batch):
        view = edges.state.view()
        found = view.associations
        sources = found.owners_of(found.gather("source", np.arange(2))).tolist()
        assert [view.content(row) for row in sources] == ["b", "a"]
        assert found.gather("weight", np.arange(2)).tolist() == [BACK_WEIGHT, ONWARD_WEIGHT]


def test_a_memory_is_linked_both_ways_to_the_one_before_it_in_its_session() -> None:
    edges = Edges()
    edges.remember("a", "s")
    edges.remember("b", "t")
    edges.remember("c", "s")
    edges.remember("d")
    assert edges.found() == {"a>c", "c>a"}
    assert edges.found(TEMPORAL) == edges.found()


def test_a_label_has_a_hub_from_its_second_memory_on() -> None:
    edges = Edges()
    edges.remember("a", None, "tea", "lone")
    assert edges.found() == set()
    assert edges.state.associations.node_count == 0
    edges.remember("b", None, "tea")
    edges.remember("c", None, "tea")
    assert edges.found() == {"a>[tea]", "b>[tea]", "c>[tea]", "[tea]>a", "[tea]>b", "[tea]>c"}
    view = edges.state.view()
    hub = view.associations.hub_of(view.labels.numbers["tea"])
    assert view.associations.owners_of(np.array([hub])) == view.labels.numbers["tea"] | HUB
    assert view.associations.hub_of(view.labels.numbers["lone"]) == NO_NODE
    assert view.associations.node_of(2) != NO_NODE


def test_memories_of_one_batch_are_linked_as_lone_ones_are() -> None:
    lone, batch = Edges(), Edges()
    written: list[tuple[str, str, *tuple[str, ...]]] = [
        ("a", "s", "x"),
        ("b", "t", "x"),
        ("c", "s", "x", "y"),
        ("d", "s", "y"),
        ("e", "u"),
    ]
    items = []
    for text, session, *tags in written:
        lone.remember(text, session, *tags)
        items.append(batch.memory(text, session, *tags))
        batch.ids[text] = MemoryId(0, 0)
    batch.commit(collect(items, "", 0))
    assert batch.found() == lone.found()
    assert len(batch.found()) == 2 * 2 + 3 * 2 + 2 * 2


def test_who_asks_for_no_edges_gets_none_and_is_not_linked_later() -> None:
    edges = Edges()
    edges.remember("a", "s", "x", associate=False)
    edges.remember("b", "s", "x")
    edges.remember("c", "s", "x")
    assert not any("a" in edge for edge in edges.found())


def test_no_more_than_some_of_a_memorys_labels_lead_to_hubs() -> None:
    edges = Edges()
    tags = [f"t{n}" for n in range(MENTIONS_MAX + 5)]
    edges.remember("a", None, *tags)
    edges.remember("b", None, *tags)
    assert len([edge for edge in edges.found(MENTIONS) if edge.startswith("b>")]) == MENTIONS_MAX


def test_a_session_goes_on_behind_the_memory_before_the_one_forgotten() -> None:
    edges = Edges()
    for text in "abc":
        edges.remember(text, "s")
    edges.commit(Forget(edges.ids["c"]))
    edges.remember("d", "s")
    assert edges.found() == {"a>b", "b>a", "b>d", "d>b"}


def test_a_label_begins_anew_when_its_memories_are_gone() -> None:
    edges = Edges()
    for text in "ab":
        edges.remember(text, None, "x")
    for text in "ab":
        edges.commit(Forget(edges.ids[text]))
    edges.remember("c", None, "x")
    assert edges.found() == set()
    edges.remember("d", None, "x")
    assert edges.found() == {"c>[x]", "d>[x]", "[x]>c", "[x]>d"}


def test_an_edge_made_again_takes_the_place_of_the_first() -> None:
    edges = Edges()
    for text in "ab":
        edges.remember(text)
    assert list(edges.associate("a>b").created) == [True]
    assert list(edges.associate("a>b", weight=0.75).created) == [False]
    view = edges.state.view()
    living = edges_living(view)
    assert view.associations.gather("weight", living).tolist() == [0.75]
    assert (view.associations.edge_count, view.associations.ended_count) == (2, 1)


def test_of_equal_edges_in_one_command_the_last_counts() -> None:
    edges = Edges()
    for text in "abc":
        edges.remember(text)
    assert list(edges.associate("a>b", "a>c", "a>b").created) == [False, True, True]
    assert edges.state.associations.edge_count == 2


def test_an_edge_that_is_not_there_cannot_be_ended() -> None:
    edges = Edges()
    for text in "ab":
        edges.remember(text)
    edges.associate("a>b")
    a, b = edges.ids["a"], edges.ids["b"]
    assert isinstance(edges.commit(Dissociate(b, a, ANY_KIND)).refusal, AssociationNotFound)
    assert isinstance(edges.commit(Dissociate(a, b, 3)).refusal, AssociationNotFound)
    assert edges.commit(Dissociate(a, b, ANY_KIND)).refusal is None
    assert edges.found() == set()


def test_edges_to_what_is_gone_or_of_no_weight_are_refused() -> None:
    edges = Edges()
    for text in "abc":
        edges.remember(text)
    edges.commit(Forget(edges.ids["c"]))
    assert isinstance(edges.associate("a>b", "a>c").refusal, MemoryNotFound)
    assert isinstance(edges.associate("a>a").refusal, InvalidRequest)
    for weight in (0.0, 1.5, math.nan):
        assert isinstance(edges.associate("a>b", weight=weight).refusal, InvalidRequest)
    assert edges.found() == set()


def test_automatic_edges_beyond_the_limit_are_left_out() -> None:
    edges = Edges()
    texts = [f"m{n}" for n in range(AUTOMATIC_EDGES_MAX + 4)]
    for text in texts:
        edges.remember(text)
    first, *others = texts
    edges.associate(*[f"{first}>{other}" for other in others[:10]], flags=AUTOMATIC)
    edges.associate(*[f"{first}>{other}" for other in others[5:]], flags=AUTOMATIC)
    assert len(edges.found()) == AUTOMATIC_EDGES_MAX
    edges.associate(f"{first}>{others[-1]}")
    assert len(edges.found()) == AUTOMATIC_EDGES_MAX + 1


def test_of_an_erased_memory_no_edge_and_no_reason_is_left() -> None:
    edges = Edges()
    for text in "abc":
        edges.remember(text, "s", "x")
    edges.associate("a>b", "b>c", "c>a")
    node = edges.state.associations.row_nodes.value(1)
    edges.commit(Erase((edges.ids["b"],)))
    assert edges.found() == {"c>a", "a>[x]", "c>[x]", "[x]>a", "[x]>c"}
    columns = edges.state.associations.columns
    every = np.arange(edges.state.associations.edge_count)
    ends = [columns[name].take(every) for name in ("source", "target")]
    assert node not in np.concatenate(ends)
    wiped = ends[0] == NO_NODE
    assert np.count_nonzero(wiped) == 4 + 2 + 2
    for name in ("kind", "flags", "weight", "confidence", "why"):
        assert not columns[name].take(every)[wiped].any()


def test_a_space_without_labels_pays_nothing_for_edges() -> None:
    edges = Edges()
    edges.remember("a")
    edges.remember("b")
    assert edges.state.associations.resident_bytes == 0
