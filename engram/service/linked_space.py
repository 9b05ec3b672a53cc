"""What connects the memories of a space: associations and contradictions. `Space` adds the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

from engram.service import associating, consolidating, contradicting, spreading
from engram.service.duplicates import near_duplicates

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.model.activation import Activations
    from engram.model.association import (
        Associated,
        Association,
        AssociationPath,
        NearDuplicate,
        Neighbour,
        NewAssociation,
    )
    from engram.model.concepts import Belief, Concept, Consolidated
    from engram.model.contradiction import Contradiction
    from engram.service.core import Core


class LinkedSpace:
    """One memory space, as far as its associations go."""

    def __init__(self, space_id: str, core: Core, principal: str = "") -> None:
        self.id = space_id
        self._core = core
        self._principal = principal

    def __repr__(self) -> str:
        """Return the handle with its id."""
        return f"<Space {self.id!r}>"

    async def associate(
        self,
        source_id: str,
        target_id: str,
        kind: str = "semantic",
        *,
        weight: float = 0.5,
        confidence: float = 1.0,
        why: str | None = None,
        both_ways: bool = False,
    ) -> Associated:
        """Lead from one memory to another; durable when it returns, and the next recall follows it.

        An association with the same ends and kind that is there already is weighed anew; what it
        was before stays in the history.

        Args:
            source_id: the memory it leaves, as `remember` returned it.
            target_id: the memory it leads to.
            kind: semantic, causal, temporal, hierarchical, compositional, spatial, emotional,
                mentions or derived.
            weight: how strongly one brings the other to mind, above 0 and at most 1.
            confidence: how sure the caller is that they belong together, 0 to 1.
            why: a reason in at most 500 characters.
            both_ways: make another one that leads back.

        Raises:
            InvalidRequest: a field breaks a rule; every violation is listed.
            MemoryNotFound: one of the two is not there.
            DurabilityError: the disk failed; it is unknown whether the association was stored.
        """
        asked: NewAssociation = {
            "source_id": source_id,
            "target_id": target_id,
            "kind": kind,
            "weight": weight,
            "confidence": confidence,
            "why": why,
        }
        edges = [associating.edge_of(asked)]
        if both_ways:
            edges += associating.turned(edges)
        return await associating.associate(await self._engine(), edges)

    async def associate_many(self, items: Iterable[NewAssociation]) -> Associated:
        """Make many associations in parts of at most 10,000, each part durable as a whole.

        Items are mappings with the fields of `associate`, `both_ways` aside. Every item is checked
        before the first is stored; raises what `associate` raises.
        """
        edges = associating.edges_of(items)
        return await associating.associate(await self._engine(), edges)

    async def dissociate(self, source_id: str, target_id: str, kind: str | None = None) -> int:
        """End what leads from one memory to another, durably; return how many associations.

        Without `kind` those of all kinds. Those that lead back stay.

        Raises:
            AssociationNotFound: there is none.
            MemoryNotFound: one of the two is not there.
        """
        engine = await self._engine()
        count, _ = await associating.dissociate(engine, source_id, target_id, kind)
        return count

    async def associations(
        self,
        memory_id: str,
        *,
        direction: str = "out",
        kinds: Sequence[str] | None = None,
        limit: int = 100,
    ) -> tuple[Association, ...]:
        """Return the associations of a memory, the heaviest first.

        Args:
            memory_id: as `remember` returned it.
            direction: out for those that leave it, in for those that lead to it, or both.
            kinds: only of these kinds.
            limit: 1 to 1,000 at most.

        Raises:
            MemoryNotFound: it is not there.
            InvalidRequest: a field breaks a rule.
        """
        return await associating.listed(await self._engine(), memory_id, direction, kinds, limit)

    async def neighbours(
        self,
        memory_id: str,
        *,
        hops: int = 1,
        kinds: Sequence[str] | None = None,
        limit: int = 100,
    ) -> tuple[Neighbour, ...]:
        """Return the memories that associations lead to from one, nearest first.

        Two memories that share a tag or an entity are two hops apart. Raises what `associations`
        raises.

        Args:
            memory_id: as `remember` returned it.
            hops: how many associations away at most, 1 to 8.
            kinds: follow only these kinds.
            limit: 1 to 1,000 memories at most.
        """
        engine = await self._engine()
        return await associating.neighbours(self._core, engine, memory_id, hops, kinds, limit)

    async def paths(
        self,
        source_id: str,
        target_id: str,
        *,
        how: str = "strongest",
        k: int = 1,
        kinds: Sequence[str] | None = None,
        hops_max: int | None = None,
        deadline_ms: float | None = None,
    ) -> tuple[AssociationPath, ...]:
        """Return the best ways from one memory to another, none when there is none.

        Args:
            source_id: where they begin.
            target_id: where they end.
            how: strongest (the product of the weights is highest) or shortest (fewest
                associations, the strongest of them).
            k: 1 to 32 ways without a loop, best first.
            kinds: follow only these kinds.
            hops_max: 1 to 8 associations; 8 left out.
            deadline_ms: how long it may search; what it has found by then is no answer.

        Raises:
            MemoryNotFound: one of the two is not there.
            KernelCancelled: the deadline came first.
            InvalidRequest: a field breaks a rule.
        """
        search = associating.search_of(how, kinds, hops_max)
        engine = await self._engine()
        return await associating.paths(engine, source_id, target_id, search, k, deadline_ms)

    async def spread(
        self,
        memory_ids: Sequence[str],
        *,
        hops: int = 3,
        limit: int = 100,
        **arguments: Unpack[spreading.SpreadArguments],
    ) -> Activations:
        """Let activation spread from memories over their associations; return what it reached.

        As in a recall, but from these memories alone, each of which begins with 1. What it reached
        is listed by activation: memories by id, tags and entities by label, without those it began
        with (docs/reference/associations.md).

        Args:
            memory_ids: 1 to 1,000 memories, as `remember` returned them.
            hops: how many associations away at most, 1 to 8.
            limit: 1 to 1,000 are listed at most; all are counted.
            **arguments: `decay` (r of e^-r a hop, 0.7), `threshold` (0.01: less is not followed),
                `fan_exponent` (0.5; 0: how many associations leave a memory does not count),
                `kinds` (follow only these), `edge_budget` (200,000 are read at most).

        Raises:
            MemoryNotFound: one of them is not there.
            InvalidRequest: an argument breaks a rule.
        """
        return await spreading.spread(
            self._core, await self._engine(), memory_ids, hops, limit, arguments
        )

    async def contradictions(
        self, memory_id: str | None = None, *, limit: int = 100
    ) -> tuple[Contradiction, ...]:
        """Return what current memories say of one subject that cannot be true together.

        A subject is a `fact_key`, or what a simple English sentence says something of ("Ada lives
        in Paris", "my favourite colour is green"; see docs/reference/library.md). Nothing is
        resolved: correct a memory with `update`, or forget it, and it is in none any more.

        Args:
            memory_id: only those that this memory takes part in.
            limit: 1 to 1,000 contradictions, those with the last remembered memories first.

        Raises:
            MemoryNotFound: there is no such memory.
            InvalidRequest: a field breaks a rule.
        """
        return await contradicting.contradictions(
            self._core, await self._engine(), memory_id, limit
        )

    async def wait_linked(self, timeout: float | None = None) -> int:  # noqa: ASYNC109 - it returns
        """Wait until every memory is linked to what it is like; return how many are not, then.

        That happens in the background, while nobody else is at work; what is waited for is done
        without a rest. docs/reference/consolidation.md says how.

        Args:
            timeout: seconds to wait at most; left out, however long it takes.

        Raises:
            DurabilityError: the disk failed.
            Closed: the space was closed meanwhile.
        """
        engine = await self._engine()
        return await self._core.registry.linker_of(engine.space).wait(timeout)

    async def near_duplicates(self, *, limit: int = 100) -> tuple[NearDuplicate, ...]:
        """Return pairs of memories so alike that they may say the same, the most alike first.

        They are linked with that reason, and neither is dropped or merged. Memories that are not
        linked yet (`wait_linked`) are in no pair.

        Args:
            limit: 1 to 1,000 pairs at most.
        """
        return await near_duplicates(self._core, await self._engine(), limit)

    async def consolidate(
        self,
        *,
        progress: Callable[[int, int], None] | None = None,
        episodes_max: int | None = None,
    ) -> Consolidated:
        """Replay episodes that were not, and form concepts from those that belong together.

        That happens once a minute anyway when there are new ones. Sources stay as they are. Links
        to what is alike are made first (`wait_linked`). docs/reference/consolidation.md says how.

        Args:
            progress: called with (episodes done, episodes in all) after each run of 100.
            episodes_max: replay no more than so many, those of the highest priority.

        Raises:
            Overloaded: memories were forgotten or changed all the time; what was done stays.
            DurabilityError: the disk failed.
        """
        engine = await self._engine()
        return await consolidating.consolidate(self._core, engine, progress, episodes_max)

    async def concepts(self, *, limit: int = 100) -> tuple[Concept, ...]:
        """Return the concepts that consolidation formed, the last first, with their citations.

        Args:
            limit: 1 to 1,000 at most.
        """
        return await consolidating.concepts(self._core, await self._engine(), limit)

    async def belief_history(self, concept_id: str) -> tuple[Belief, ...]:
        """Return what a concept said at which times, and on what evidence, the oldest first.

        Raises:
            MemoryNotFound: none of its versions is held any more.
            InvalidRequest: that is no concept that consolidation formed.
        """
        return await consolidating.belief_history(self._core, await self._engine(), concept_id)

    async def _engine(self) -> SpaceEngine:
        return self._core.registry.open_now(self.id) or await self._core.registry.open(self.id)
