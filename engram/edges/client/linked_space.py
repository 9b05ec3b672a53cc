"""A memory space of a server, as far as its associations and concepts go. The rest is above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

from engram.edges.client.arguments import check_deadline, given, names, query_of
from engram.edges.client.limits import PART_COUNT_MAX
from engram.edges.client.line import Asked, Line
from engram.edges.client.values import (
    Activated,
    Associations,
    Beliefs,
    Concepts,
    Contradictions,
    Ended,
    Linked,
    Neighbours,
    Pairs,
    Paths,
)
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
from engram.model.ids import parse_id
from engram.model.memory import SpaceStats

if TYPE_CHECKING:
    from engram.service.spreading import SpreadArguments


def path_of(memory_id: str, rest: str = "") -> str:
    """Return the path of a memory; InvalidRequest when that is no id."""
    return f"/memories/{parse_id(memory_id)}{rest}"


class RemoteLinkedSpace:
    """One memory space of a server, as far as its associations and concepts go."""

    def __init__(self, space_id: str, line: Line) -> None:
        self.id = space_id
        self._line = line

    def __repr__(self) -> str:
        """Return the handle with its id and its server."""
        return f"<RemoteSpace {self.id!r} of {self._line.url}>"

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
        """Lead from one memory to another, durably; see `engram.Space.associate`."""
        parse_id(target_id)
        body = given(
            target_id=target_id,
            kind=kind,
            weight=weight,
            confidence=confidence,
            why=why,
            both_ways=both_ways,
        )
        return await self._line.ask(
            Asked("POST", path_of(source_id, "/associations"), self.id), Associated, body
        )

    async def associate_many(self, items: Iterable[NewAssociation]) -> Associated:
        """Make many associations; see `engram.Space.associate_many`.

        They are sent in parts of at most 10,000, each made whole or not at all.
        """
        listed = list(items)
        if not listed:
            return Associated(0, 0, (await self._stats()).lsn)
        found = []
        for first in range(0, len(listed), PART_COUNT_MAX):
            body = {"associations": listed[first : first + PART_COUNT_MAX]}
            asked = Asked("POST", "/associations/batch", self.id)
            found.append(await self._line.ask(asked, Associated, body))
        created = sum(each.created for each in found)
        return Associated(created, sum(each.changed for each in found), found[-1].lsn)

    async def dissociate(self, source_id: str, target_id: str, kind: str | None = None) -> int:
        """End what leads from one memory to another; see `engram.Space.dissociate`."""
        parse_id(target_id)
        query = query_of({"target_id": target_id, "kind": kind})
        asked = Asked("DELETE", path_of(source_id, "/associations"), self.id, query)
        return (await self._line.ask(asked, Ended)).ended

    async def associations(
        self,
        memory_id: str,
        *,
        direction: str = "out",
        kinds: Sequence[str] | None = None,
        limit: int = 100,
    ) -> tuple[Association, ...]:
        """Return the associations of a memory; see `engram.Space.associations`."""
        query = query_of({"direction": direction, "kinds": names("kinds", kinds), "limit": limit})
        asked = Asked("GET", path_of(memory_id, "/associations"), self.id, query)
        return (await self._line.ask(asked, Associations)).associations

    async def neighbours(
        self,
        memory_id: str,
        *,
        hops: int = 1,
        kinds: Sequence[str] | None = None,
        limit: int = 100,
    ) -> tuple[Neighbour, ...]:
        """Return the memories around one, nearest first; see `engram.Space.neighbours`."""
        query = query_of({"hops": hops, "kinds": names("kinds", kinds), "limit": limit})
        asked = Asked("GET", path_of(memory_id, "/neighbours"), self.id, query)
        return (await self._line.ask(asked, Neighbours)).neighbours

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
        """Return the best ways from one memory to another; see `engram.Space.paths`."""
        body = given(
            source_id=source_id, target_id=target_id, how=how, k=k, kinds=kinds, hops_max=hops_max
        )
        asked = self._read("/path", deadline_ms)
        return (await self._line.ask(asked, Paths, body)).paths

    async def spread(
        self,
        memory_ids: Sequence[str],
        *,
        hops: int = 3,
        limit: int = 100,
        **arguments: Unpack[SpreadArguments],
    ) -> Activations:
        """Let activation spread from memories; see `engram.Space.spread`."""
        body = given(memory_ids=memory_ids, hops=hops, limit=limit, **arguments)
        return (await self._line.ask(self._read("/spread"), Activated, body)).value()

    async def contradictions(
        self, memory_id: str | None = None, *, limit: int = 100
    ) -> tuple[Contradiction, ...]:
        """Return what memories say that cannot be true together; see the verb of `engram.Space`."""
        query = query_of(
            {"memory_id": None if memory_id is None else str(parse_id(memory_id)), "limit": limit}
        )
        asked = Asked("GET", "/contradictions", self.id, query)
        return (await self._line.ask(asked, Contradictions)).contradictions

    async def wait_linked(self, timeout: float | None = None) -> int:  # noqa: ASYNC109 - it returns
        """Wait until every memory is linked to what it is like; see `engram.Space.wait_linked`."""
        asked = Asked("POST", "/maintenance/wait-linked", self.id, is_safe=True)
        return (await self._line.ask(asked, Linked, given(timeout_s=timeout))).unlinked

    async def near_duplicates(self, *, limit: int = 100) -> tuple[NearDuplicate, ...]:
        """Return pairs of memories that may say the same; see `engram.Space.near_duplicates`."""
        asked = Asked("GET", "/near-duplicates", self.id, query_of({"limit": limit}))
        return (await self._line.ask(asked, Pairs)).pairs

    async def consolidate(self, *, episodes_max: int | None = None) -> Consolidated:
        """Replay episodes and form concepts; see `engram.Space.consolidate`.

        What is not done within the timeout of the client is left for the next time.
        """
        asked = Asked("POST", "/consolidations", self.id)
        return await self._line.ask(asked, Consolidated, given(episodes_max=episodes_max))

    async def concepts(self, *, limit: int = 100) -> tuple[Concept, ...]:
        """Return the concepts that consolidation formed; see `engram.Space.concepts`."""
        asked = Asked("GET", "/consolidations", self.id, query_of({"limit": limit}))
        return (await self._line.ask(asked, Concepts)).concepts

    async def belief_history(self, concept_id: str) -> tuple[Belief, ...]:
        """Return what a concept said at which times; see `engram.Space.belief_history`."""
        asked = Asked("GET", f"/consolidations/{parse_id(concept_id)}", self.id)
        return (await self._line.ask(asked, Beliefs)).versions

    async def _stats(self) -> SpaceStats:
        return await self._line.ask(Asked("GET", f"/spaces/{self.id}"), SpaceStats)

    def _read(self, path: str, deadline_ms: float | None = None) -> Asked:
        """Return a request that reads, though it has a body."""
        check_deadline(deadline_ms)
        return Asked("POST", path, self.id, is_safe=True, deadline_ms=deadline_ms)
