"""Histories in which a store links and consolidates unasked, between requests and into crashes.

Rule 1: a concept that lives cites as many memories as it says, all of them living, and each of them
        leads back to it.
Rule 2: what callers gave is as if nobody had linked or consolidated it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engram.model.association import AUTOMATIC, AssociationKind
from engram.model.errors import check
from engram.retrieval.consolidation import formed_rows
from engram.retrieval.forming import MEMBERS_MAX, MEMBERS_MIN
from engram.state.digest_edges import edges_living
from engram.state.reading import memory_at
from engram.testing.store_histories import StoreHistory
from engram.testing.store_insides import engine_of
from engram.testing.store_traces import Traces, is_given
from engram.testing.upkeep_histories import UpkeepHistory

if TYPE_CHECKING:
    from engram.ports import Embedder
    from engram.service.store import Engram
    from engram.state.space import View
    from engram.testing.store_histories import OpenStore, Verb
    from engram.testing.store_ledger import Trace

SHARE: Final = 4
"""One seed in so many is such a history."""

NEAR_SHARE: Final = 0.9
TOPICS: Final = ("the lake is cold and deep", "ada plays the violin")
_NOISE: Final = 0.1


class Thinking(StoreHistory):
    """A history whose linker and consolidation are on, with memories that belong together."""

    def __init__(self, seed: int, open_store: OpenStore) -> None:
        super().__init__(seed, open_store)
        self._settings = msgspec.structs.replace(self._settings, linker=True, consolidation=True)
        self._traces = _NearTraces(self.chance, self._embedder, seed)

    def verbs(self) -> list[tuple[Verb, int]]:
        """Return what may be done next, with how often."""
        return [*super().verbs(), (self._consolidate, 10), (self._link, 6)]

    async def settle(self, store: Engram) -> None:
        """Compare the store with what was promised, and its concepts with what they cite.

        Raises:
            InvariantViolated: a promise was broken.
        """
        await super().settle(store)
        for name in self.promise.spaces:
            self._check_concepts(store, name)

    async def _consolidate(self, store: Engram, name: str) -> None:
        """Consolidate as much as there is, or some of it."""
        if engine_of(store, name) is not None:
            most = self.chance.choice([None, None, 1, 5])
            done = await (await store.space(name)).consolidate(episodes_max=most)
            self.facts.update(replayed=done.episodes)
            self._check_concepts(store, name)

    async def _link(self, store: Engram, name: str) -> None:
        """Have all linked that is there."""
        if engine_of(store, name) is not None:
            left = await (await store.space(name)).wait_linked()
            check(left == 0, "nobody wrote meanwhile, and not all is linked")

    def _check_concepts(self, store: Engram, name: str) -> None:
        """Check every concept of a space against the memories it cites.

        Raises:
            InvariantViolated: one cites what it should not, or is not led to.
        """
        engine = engine_of(store, name)
        if engine is None:
            return
        view, kept = engine.view, self.promise.spaces[name].kept
        citations = _citations(view)
        for row in formed_rows(view).tolist():
            memory = memory_at(view, row, name, 0)
            cited = {target for source, target in citations if source == row}
            told = int((memory.metadata or {}).get("episodes", 0))
            check(told == len(cited), "a concept cites as many memories as it says")
            check(MEMBERS_MIN <= told <= MEMBERS_MAX, "a concept is of too few or too many")
            ids = {memory_at(view, each, name, 0).id for each in cited}
            check(ids <= kept.keys(), "a concept cites a memory that is not there")
            led = all((each, row) in citations for each in cited)
            check(led, "an episode leads to the concept that cites it")
            self.facts.update(concepts=1)

    def _note_digests(self, store: Engram) -> None:
        """Note what is there; what is linked before the end of the generation changes digests."""
        try:
            super()._note_digests(store)
        finally:
            for promise in self.promise.spaces.values():
                promise.digest = None


class ThinkingUpkeep(Thinking, UpkeepHistory):
    """The same with operators at work."""


def _citations(view: View) -> set[tuple[int, int]]:
    """Return which rows lead to which as a concept and its episodes do."""
    found, edges = view.associations, edges_living(view)
    is_made = (found.gather("flags", edges) & AUTOMATIC) != 0
    edges = edges[is_made & (found.gather("kind", edges) == AssociationKind.DERIVED)]
    ends = [found.owners_of(found.gather(end, edges)).tolist() for end in ("source", "target")]
    return set(zip(*ends, strict=True))


class _NearTraces(Traces):
    """Makes episodes of a few topics, and others between them."""

    def __init__(self, chance: random.Random, embedder: Embedder, seed: int) -> None:
        super().__init__(chance, embedder)
        self._near = random.Random(f"near {seed}")  # noqa: S311 - repeatable is the point

    async def make(self, space: str) -> Trace:
        """Return a memory like no other, near others of its topic perhaps."""
        trace = await super().make(space)
        if self._near.random() >= NEAR_SHARE:
            return trace
        topic = self._near.randrange(len(TOPICS))
        content = f"w{self._count} {TOPICS[topic]}"
        if is_given(space):
            vector = np.zeros(self._embedder.dimensions)
            vector[topic] = 1.0
            vector += [self._near.uniform(-_NOISE, _NOISE) for _ in vector]
        else:
            vector = (await self._embedder.embed([content]))[0]
        raw = vector.astype("<f4").tobytes()
        return trace._replace(content=content, vector=raw, kind="episodic")
