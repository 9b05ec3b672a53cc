"""A store of LangGraph in a memory space: `graph.compile(store=EngramStore(space))`.

Rule 1: an item is one memory. Its session is its namespace and its source its key, as labels; both
stand whole in the metadata, and what a label found is compared with them before it is shown.
Rule 2: the value in the metadata is the item; the content is what of it is searched.
Rule 3: nothing of one namespace weighs in a search of another: no association is made or followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from engram.adapters.local.clock import SystemClock
from engram.integrations.bridge import Bridge, every, recalled
from engram.integrations.conditions import matches, pushed_down
from engram.integrations.extras import extra
from engram.integrations.namespaces import TAG, label_of, listed, namespace_label, prefix_labels
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.limits import LIMIT_MAX
from engram.model.memory import Memory, to_datetime
from engram.ports import Clock
from engram.service.space import Space

with extra("langgraph"):
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        Item,
        ListNamespacesOp,
        Op,
        PutOp,
        Result,
        SearchItem,
        SearchOp,
        TTLConfig,
    )
    from langgraph.store.base.embed import get_text_at_path, tokenize_path

if TYPE_CHECKING:
    from engram.integrations.bridge import AnySpace
    from engram.service.preparing import NewMemory

_UNSEARCHED: Final = "langgraph-unsearched"
_OWN: Final = "langgraph"
_WHOLE: Final = "$"
# Keys and namespaces looked up in one listing: they stand in one URL when a server is asked.
_LOOKED_UP_MAX: Final = 50

_Place = tuple[tuple[str, ...], str]


class EngramStore(BaseStore):
    """Items of LangGraph as memories of one space, durable when a put returns.

    A space for it alone is best. Items expire when their time to live is over, to the microsecond,
    without any sweep; reading one that has such a time begins it anew, which is a write.

    Args:
        space: of `engram.open`, `engram.connect` or `engram.sync`; the latter where the methods
            without `a` are called on the thread of an event loop.
        fields: JSON paths whose texts are searched, where a put names none; `$` is all of them.
        ttl: `refresh_on_read` (True) and `default_ttl` (minutes, None) for calls that say nothing.
        clock: tells the time from which a time to live counts.
    """

    supports_ttl = True

    def __init__(
        self,
        space: AnySpace,
        *,
        fields: Sequence[str] = (_WHOLE,),
        ttl: TTLConfig | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.ttl_config = ttl
        self._fields = tuple(fields)
        self._bridge = Bridge(space)
        self._clock = clock or SystemClock()

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations, those that read first; of several puts of a key the last counts.

        Raises:
            InvalidRequest: a value is no JSON of at most 64 KiB, a filter has an operator that is
                not there, or this is the thread of the event loop that would have to do it.
            What the verbs of the space raise.
        """
        asked, read = list(ops), list[Memory]()
        results = self._bridge.run(
            lambda space: self._carry_out(space, asked, read), alone=_writes(asked)
        )
        if read:
            self._bridge.run(lambda space: self._begin_anew(space, read), alone=True)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations; see `batch`."""
        asked, read = list(ops), list[Memory]()
        results = await self._bridge.arun(
            lambda space: self._carry_out(space, asked, read), alone=_writes(asked)
        )
        if read:
            await self._bridge.arun(lambda space: self._begin_anew(space, read), alone=True)
        return results

    async def _carry_out(self, space: Space, ops: Sequence[Op], read: list[Memory]) -> list[Result]:
        """Return the results, and add to `read` what was read whose time to live begins anew."""
        results: list[Result] = [None] * len(ops)
        gets = {at: op for at, op in enumerate(ops) if isinstance(op, GetOp)}
        there = await _looked_up(space, [(op.namespace, op.key) for op in gets.values()])
        for at, get in gets.items():
            memories = there.get((get.namespace, get.key))
            if memories:
                results[at] = _item(memories[-1])
                read += _living(memories[-1:] if get.refresh_ttl else ())
        puts: dict[_Place, PutOp] = {}
        for at, op in enumerate(ops):
            match op:
                case SearchOp():
                    found = await self._search(space, op)
                    results[at] = [_search_item(memory, score) for memory, score in found]
                    read += _living([memory for memory, _ in found] if op.refresh_ttl else ())
                case ListNamespacesOp():
                    results[at] = await listed(space, op)
                case PutOp():
                    puts[op.namespace, op.key] = op
                case GetOp():
                    pass
                case _:
                    raise InvalidRequest(f"{type(op).__name__} is no operation of a store")
        if puts:
            await self._put(space, puts)
        return results

    async def _search(self, space: Space, op: SearchOp) -> list[tuple[Memory, float | None]]:
        labels = prefix_labels(op.namespace_prefix)[-1:] or [TAG]
        end = op.offset + op.limit
        found: list[tuple[Memory, float | None]] = []
        filters = op.filter or {}
        metadata = pushed_down(filters, "value")
        if op.query:
            # A filter that the engine does not know whole may leave too few of the best.
            limits = [max(1, min(end, LIMIT_MAX)), LIMIT_MAX] if filters else [min(end, LIMIT_MAX)]
            for limit in limits:
                hits = await recalled(
                    space,
                    op.query,
                    max(1, limit),
                    mode="similarity",
                    tags_all=labels,
                    tags_none=[_UNSEARCHED],
                    metadata=metadata,
                )
                found = [(hit.memory, hit.score) for hit in hits if _asked_for(hit.memory, op)]
                if len(found) >= end or len(hits) < limit:
                    break
        else:
            memories = await every(space, tags_all=labels, metadata=metadata)
            found = [(memory, None) for memory in memories if _asked_for(memory, op)]
        return found[op.offset : end]

    async def _begin_anew(self, space: Space, memories: Sequence[Memory]) -> None:
        """Begin times to live anew, but of what was changed or taken away meanwhile."""
        for memory in memories:
            expires_at = self._expiry(_own(memory)["ttl_minutes"])
            with suppress(MemoryNotFound):
                await space.update(memory.id, expires_at=expires_at)

    async def _put(self, space: Space, puts: Mapping[_Place, PutOp]) -> None:
        # Again where another process came between the look and the write: it got on meanwhile.
        while puts:
            puts = await self._put_once(space, puts)

    async def _put_once(self, space: Space, puts: Mapping[_Place, PutOp]) -> Mapping[_Place, PutOp]:
        """Carry out puts, and return those whose memory was changed or taken away meanwhile."""
        there = await _looked_up(space, list(puts))
        new: dict[_Place, NewMemory] = {}
        left: dict[_Place, PutOp] = {}
        for place, op in puts.items():
            memories = there.get(place, [])
            if op.value is None:
                await _forget(space, memories)
                continue
            fields = self._fields_of(op, memories[-1] if memories else None)
            if not memories:
                new[place] = cast("NewMemory", {**fields, "associate": False})
                continue
            try:
                await space.update(memories[-1].id, **fields)
            except MemoryNotFound:
                left[place] = op
            else:
                # What a process left that was killed before it had looked again.
                await _forget(space, memories[:-1])
        if new:
            await space.remember_many(list(new.values()))
            await _keep_newest(space, list(new))
        return left

    def _fields_of(self, op: PutOp, old: Memory | None) -> dict[str, Any]:
        """Return the fields of the memory that an item is."""
        value = dict(op.value or {})
        text = "" if op.index is False else _text(value, op.index or self._fields)
        tags = [TAG, *prefix_labels(op.namespace), *([] if text else [_UNSEARCHED])]
        created = to_datetime(self._clock.now()) if old is None else _item(old).created_at
        own = {
            "namespace": list(op.namespace),
            "key": op.key,
            "created_at": created.isoformat(),
            "ttl_minutes": op.ttl,
        }
        return {
            "content": text or op.key,
            "kind": "semantic",
            "session": namespace_label(op.namespace),
            "source": label_of(op.key),
            "tags": tags,
            "metadata": {"value": value, _OWN: own},
            "expires_at": None if op.ttl is None else self._expiry(op.ttl),
        }

    def _expiry(self, minutes: float) -> datetime:
        return to_datetime(self._clock.now()) + timedelta(minutes=minutes)


def _living(memories: Sequence[Memory]) -> list[Memory]:
    """Return those that have a time to live."""
    return [memory for memory in memories if _own(memory).get("ttl_minutes") is not None]


def _writes(ops: Sequence[Op]) -> bool:
    """Whether what is done has to be done alone: a put looks first what is there."""
    return any(isinstance(op, PutOp) for op in ops)


async def _looked_up(space: Space, places: Sequence[_Place]) -> dict[_Place, list[Memory]]:
    """Return the memories that are items of these namespaces and keys, the newest last."""
    found: dict[_Place, list[Memory]] = {}
    wanted = set(places)
    for at in range(0, len(places), _LOOKED_UP_MAX):
        some = places[at : at + _LOOKED_UP_MAX]
        memories = await every(
            space,
            tags_all=[TAG],
            sessions=list({namespace_label(namespace) for namespace, _ in some}),
            sources=list({label_of(key) for _, key in some}),
        )
        for memory in memories:
            place = _place(memory)
            if place in wanted:
                found.setdefault(place, []).append(memory)
        wanted -= found.keys()
    return found


async def _keep_newest(space: Space, places: Sequence[_Place]) -> None:
    """Forget all but the newest memory of each of these namespaces and keys.

    There are more where several processes put a new key in one moment. Each looks when its own is
    there, so that the last of them to look sees all.
    """
    while places:
        there = await _looked_up(space, places)
        places = [place for place, memories in there.items() if len(memories) > 1]
        for place in places:
            await _forget(space, there[place][:-1])


async def _forget(space: Space, memories: Sequence[Memory]) -> None:
    """Forget memories, those aside that were changed or taken away meanwhile."""
    for memory in memories:
        with suppress(MemoryNotFound):
            await space.forget(memory.id)


def _own(memory: Memory) -> dict[str, Any]:
    return dict((memory.metadata or {}).get(_OWN) or {})


def _place(memory: Memory) -> _Place:
    own = _own(memory)
    return tuple(own.get("namespace", ())), str(own.get("key", ""))


def _asked_for(memory: Memory, op: SearchOp) -> bool:
    """Whether a memory is in the namespaces asked for, and passes the filter."""
    prefix = tuple(op.namespace_prefix)
    namespace, _ = _place(memory)
    return namespace[: len(prefix)] == prefix and matches(_value(memory), op.filter or {})


def _value(memory: Memory) -> dict[str, Any]:
    return dict((memory.metadata or {})["value"])


def _search_item(memory: Memory, score: float | None) -> SearchItem:
    item = _item(memory)
    return SearchItem(item.namespace, item.key, item.value, item.created_at, item.updated_at, score)


def _item(memory: Memory) -> Item:
    namespace, key = _place(memory)
    created = datetime.fromisoformat(_own(memory)["created_at"]).astimezone(UTC)
    return Item(
        value=_value(memory),
        key=key,
        namespace=namespace,
        created_at=created,
        updated_at=memory.recorded_at,
    )


def _text(value: Mapping[str, Any], paths: Sequence[str]) -> str:
    """Return what is searched of a value: its one text, or each after the path that leads to it."""
    found: list[tuple[str, str]] = []
    for path in paths:
        if path == _WHOLE:
            found += _leaves(value, "")
        else:
            found += [(path, text) for text in get_text_at_path(value, tokenize_path(path))]
    if len(found) == 1:
        return found[0][1]
    return "\n".join(f"{path}: {text}" if path else text for path, text in found)


def _leaves(value: object, path: str) -> Iterable[tuple[str, str]]:
    """Yield the path and the text of each text and number in a value."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, path)
    elif isinstance(value, str | int | float) and str(value).strip():
        yield path, str(value)
