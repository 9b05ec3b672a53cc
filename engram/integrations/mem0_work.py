"""What the classes of `engram.integrations.mem0` do, written once as work with a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.integrations.bridge import every, recalled
from engram.integrations.mem0_filters import passes, scope_of, split_filters
from engram.integrations.mem0_records import (
    OWN,
    changes,
    has_expired,
    last_day,
    metadata_of,
    own_of,
    payload_of,
    shown,
    words_of,
)
from engram.model.ids import RANDOM_BYTES_PER_ID, mint_id
from engram.model.limits import LIMIT_MAX
from engram.model.memory import Memory, to_datetime
from engram.model.recollection import Recollection
from engram.ports import Clock
from engram.service.space import Space

THRESHOLD: Final = 0.1
UNSET: Final = object()
_SOURCE: Final = "mem0"
_MICROSECOND: Final = timedelta(microseconds=1)
_PROCEDURAL: Final = "procedural_memory"


class NewMemories:
    """Messages that are to be remembered, checked; ValueError when they cannot be."""

    def __init__(
        self,
        messages: object,
        ids: Mapping[str, object],
        metadata: Mapping[str, Any] | None,
        expiration_date: object,
        needs_model: Mapping[str, object],
    ) -> None:
        asked = [name for name, value in needs_model.items() if value not in (None, False)]
        if asked:
            raise ValueError(
                f"{', '.join(asked)} needs a language model, and Engram asks none; leave it out: "
                "messages are remembered as they were said"
            )
        self.words = words_of(messages)
        self.scope = scope_of(**ids)
        if not self.scope:
            raise ValueError("At least one of 'user_id', 'agent_id', or 'run_id' must be provided.")
        self.metadata = metadata_of(metadata)
        self.day = last_day(expiration_date)


class Mem0Work:
    """Verbs of mem0 over a space, as coroutine functions that wait for nothing but the space."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock, self._entropy = clock or SystemClock(), SystemEntropy()

    async def add(self, space: Space, new: NewMemories) -> dict[str, list[dict[str, Any]]]:
        """Remember messages, one memory each, and return them."""
        results = []
        moment = to_datetime(self._clock.now())
        for said in new.words:
            own = {
                "id": str(mint_id(self._clock.now(), self._entropy.token(RANDOM_BYTES_PER_ID))),
                "role": said["role"],
                "actor_id": said["name"],
                "expiration_date": new.day,
                **new.scope,
            }
            kept = {name: value for name, value in own.items() if value is not None}
            moment = await self._remember(space, new, said["content"], kept, moment)
            results.append(
                {
                    "id": own["id"],
                    "memory": said["content"],
                    "event": "ADD",
                    "actor_id": said["name"],
                    "role": said["role"],
                }
            )
        return {"results": results}

    async def _remember(
        self,
        space: Space,
        new: NewMemories,
        content: str,
        own: Mapping[str, Any],
        moment: datetime,
    ) -> datetime:
        """Remember a text at the first moment from that one that has no such text yet.

        The same text at the same time would be one memory, and its metadata those of the first.
        """
        while True:
            done = await space.remember(
                content,
                kind="semantic",
                source=_SOURCE,
                session=new.scope.get("run_id"),
                occurred_at=moment,
                metadata={**new.metadata, OWN: dict(own)},
                associate=False,
            )
            moment += _MICROSECOND
            if done.created:
                return moment

    async def get(self, space: Space, memory_id: str) -> dict[str, Any] | None:
        """Return a memory, None when there is none."""
        memory = await _one(space, memory_id)
        return None if memory is None else shown(memory)

    async def get_all(
        self, space: Space, filters: Mapping[str, Any] | None, top_k: int, *, show_expired: bool
    ) -> dict[str, list[dict[str, Any]]]:
        """Return memories, the oldest first."""
        _check_count(top_k)
        scope, more = split_filters(filters)
        found = [
            memory
            for memory in await _of(space, scope)
            if passes(payload_of(memory), more) and (show_expired or not self._is_over(memory))
        ]
        return {"results": [shown(memory, scored=False) for memory in found[:top_k]]}

    async def search(
        self,
        space: Space,
        query: object,
        filters: Mapping[str, Any] | None,
        top_k: int,
        threshold: float | None,
        *,
        explain: bool,
        show_expired: bool,
    ) -> dict[str, list[dict[str, Any]]]:
        """Return the memories that a query finds, best first."""
        _check_count(top_k)
        least = THRESHOLD if threshold is None else threshold
        if not 0 <= least <= 1:
            raise ValueError(
                f"Invalid threshold: {threshold}. Must be between 0 and 1 (inclusive)."
            )
        if not isinstance(query, str) or not query.strip():
            raise ValueError("Invalid query: must be a non-empty string.")
        scope, more = split_filters(filters)
        hits: list[Recollection] = []
        # What the engine is not asked about may leave too few of the best.
        for limit in (max(1, min(top_k, LIMIT_MAX)), LIMIT_MAX):
            found = await recalled(
                space,
                query,
                limit,
                mode="similarity",
                metadata=_conditions(scope),
            )
            hits = [
                hit
                for hit in found
                if hit.score >= least
                and _belongs(hit.memory, scope, more)
                and (show_expired or not self._is_over(hit.memory))
            ]
            if len(hits) >= top_k or len(found) < limit or found[-1].score < least:
                break
        results = []
        for hit in hits[:top_k]:
            item = shown(hit.memory, score=hit.score)
            results.append(item | {"score_details": dict(hit.parts)} if explain else item)
        return {"results": results}

    async def update(
        self,
        space: Space,
        memory_id: str,
        text: str | None,
        metadata: Mapping[str, Any] | None,
        expiration_date: object,
    ) -> dict[str, str]:
        """Correct a memory; what is not given stays."""
        if text is None and metadata is None and expiration_date is UNSET:
            raise ValueError("At least one of text, metadata, or expiration_date must be provided.")
        memory = await _there(space, memory_id)
        own = own_of(memory)
        fields: dict[str, Any] = {}
        if expiration_date is not UNSET:
            own["expiration_date"], fields["expires_at"] = last_day(expiration_date), None
        fields["metadata"] = {**(memory.metadata or {}), **metadata_of(metadata), OWN: own}
        await space.update(memory.id, content=text, **fields)
        return {"message": "Memory updated successfully!"}

    async def delete(self, space: Space, memory_id: str) -> dict[str, str]:
        """Forget a memory."""
        await space.forget((await _there(space, memory_id)).id)
        return {"message": "Memory deleted successfully!"}

    async def delete_all(self, space: Space, **ids: object) -> dict[str, str]:
        """Forget all memories of a user, an agent, a run, or of all that are named."""
        scope = scope_of(**ids)
        if not scope:
            raise ValueError(
                "At least one filter is required to delete all memories. If you want to delete all "
                "memories, use the `reset()` method."
            )
        await _forget(space, await _of(space, scope))
        return {"message": "Memories deleted successfully!"}

    async def history(self, space: Space, memory_id: str) -> list[dict[str, Any]]:
        """Return what a memory said at which times, the oldest first."""
        memory = await _one(space, memory_id)
        return [] if memory is None else changes(await space.history(memory.id))

    def _is_over(self, memory: Memory) -> bool:
        return has_expired(memory, to_datetime(self._clock.now()).date())

    async def reset(self, space: Space) -> None:
        """Forget all memories of this interface."""
        memories = await every(space)
        await _forget(space, [memory for memory in memories if own_of(memory)])


def needing_model(infer: object, memory_type: str | None, prompt: object) -> dict[str, object]:
    """Return what of a call needs a language model; ValueError when the type is none."""
    if memory_type not in (None, _PROCEDURAL):
        raise ValueError(f"Invalid 'memory_type'. Please pass {_PROCEDURAL}.")
    return {"infer": infer, "memory_type": memory_type, "prompt": prompt}


def _check_count(top_k: object) -> None:
    if not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 0:
        raise ValueError(f"Invalid top_k: {top_k}. Must be a non-negative integer.")


def _conditions(own: Mapping[str, str]) -> dict[str, object]:
    return {f"{OWN}.{name}": value for name, value in own.items()}


def _belongs(memory: Memory, scope: Mapping[str, str], more: Mapping[str, Any]) -> bool:
    """Whether a memory is one of those ids, all of them, and meets the conditions."""
    own = own_of(memory)
    return all(own.get(name) == value for name, value in scope.items()) and passes(
        payload_of(memory), more
    )


async def _of(space: Space, scope: Mapping[str, str]) -> list[Memory]:
    memories = await every(space, metadata=_conditions(scope))
    return [memory for memory in memories if _belongs(memory, scope, {})]


async def _one(space: Space, memory_id: str) -> Memory | None:
    found = await _of(space, {"id": str(memory_id)})
    return found[-1] if found else None


async def _there(space: Space, memory_id: str) -> Memory:
    memory = await _one(space, memory_id)
    if memory is None:
        raise ValueError(
            f"Memory with id {memory_id} not found. Please provide a valid 'memory_id'"
        )
    return memory


async def _forget(space: Space, memories: Sequence[Memory]) -> None:
    if memories:
        await space.forget_many([memory.id for memory in memories])
