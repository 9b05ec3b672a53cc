"""The same verbs without async, for scripts and notebooks.

```python
import engram.sync

with engram.sync.open("./data") as db:
    space = db.space("default")
    space.remember("Ada Lovelace met Charles Babbage in June 1833.")
    print(space.recall("who knew Babbage?")[0].memory.content)
```

The engine runs on an event loop in a thread of its own; calls may come from any thread.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from engram.edges.client.limits import TIMEOUT_SECONDS
from engram.ports import Embedder
from engram.service.space import Space as AsyncSpace
from engram.service.store import Engram as AsyncEngram
from engram.service.waited import Subscription
from engram.wiring import FROM_SETTINGS, open_store

if TYPE_CHECKING:
    from engram.edges.client.waited import RemoteEngram
    from engram.kernels.protocol import KernelBackend
    from engram.model.memory import ResidentBytes

P = ParamSpec("P")
T = TypeVar("T")


def _space_verb(
    verb: Callable[Concatenate[AsyncSpace, P], Awaitable[T]],
) -> Callable[Concatenate[Space, P], T]:
    @wraps(verb)
    def call(self: Space, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._portal.call(partial(verb, self._space, *args, **kwargs))

    return call


def _store_verb(
    verb: Callable[Concatenate[AsyncEngram, P], Awaitable[T]],
) -> Callable[Concatenate[Engram, P], T]:
    @wraps(verb)
    def call(self: Engram, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._portal.call(partial(verb, self._engram, *args, **kwargs))

    return call


class Space:
    """One memory space; each verb is that of `engram.Space`, waited for."""

    def __init__(self, portal: BlockingPortal, space: AsyncSpace) -> None:
        self._portal = portal
        self._space = space

    @property
    def id(self) -> str:
        """The space's id."""
        return self._space.id

    remember = _space_verb(AsyncSpace.remember)
    remember_many = _space_verb(AsyncSpace.remember_many)
    recall = _space_verb(AsyncSpace.recall)
    get = _space_verb(AsyncSpace.get)
    list = _space_verb(AsyncSpace.list)
    forget = _space_verb(AsyncSpace.forget)
    forget_many = _space_verb(AsyncSpace.forget_many)
    unsuppress = _space_verb(AsyncSpace.unsuppress)
    feedback = _space_verb(AsyncSpace.feedback)
    lability = _space_verb(AsyncSpace.lability)
    configure = _space_verb(AsyncSpace.configure)
    settings = _space_verb(AsyncSpace.settings)
    update = _space_verb(AsyncSpace.update)
    history = _space_verb(AsyncSpace.history)
    associate = _space_verb(AsyncSpace.associate)
    associate_many = _space_verb(AsyncSpace.associate_many)
    dissociate = _space_verb(AsyncSpace.dissociate)
    associations = _space_verb(AsyncSpace.associations)
    neighbours = _space_verb(AsyncSpace.neighbours)
    paths = _space_verb(AsyncSpace.paths)
    spread = _space_verb(AsyncSpace.spread)
    contradictions = _space_verb(AsyncSpace.contradictions)
    wait_linked = _space_verb(AsyncSpace.wait_linked)
    near_duplicates = _space_verb(AsyncSpace.near_duplicates)
    consolidate = _space_verb(AsyncSpace.consolidate)
    concepts = _space_verb(AsyncSpace.concepts)
    belief_history = _space_verb(AsyncSpace.belief_history)
    query = _space_verb(AsyncSpace.query)
    complete = _space_verb(AsyncSpace.complete)
    recognize = _space_verb(AsyncSpace.recognize)
    search = _space_verb(AsyncSpace.search)
    export_to = _space_verb(AsyncSpace.export_to)
    import_from = _space_verb(AsyncSpace.import_from)
    replay = _space_verb(AsyncSpace.replay)
    labels = _space_verb(AsyncSpace.labels)
    stats = _space_verb(AsyncSpace.stats)
    checkpoint = _space_verb(AsyncSpace.checkpoint)
    compact = _space_verb(AsyncSpace.compact)
    reembed = _space_verb(AsyncSpace.reembed)

    def subscribe(self, topic: str = "activities", *, after: int | None = None) -> Subscription:
        """Follow what is committed to the space; see `engram.Space.subscribe`."""
        return Subscription(self._portal, self._space.subscribe(topic, after=after))


class Engram:
    """An open store; each verb is that of `engram.Engram`, waited for."""

    def __init__(self, portal: BlockingPortal, engram: AsyncEngram) -> None:
        self._portal = portal
        self._engram = engram

    @property
    def path(self) -> str:
        """The store's directory."""
        return self._engram.path

    @property
    def kernels(self) -> KernelBackend:
        """The kernel backend in use."""
        return self._engram.kernels

    @property
    def embedder(self) -> Embedder | None:
        """Who makes the vectors of texts."""
        return self._engram.embedder

    @property
    def resident_bytes(self) -> ResidentBytes:
        """Bytes in RAM by what they are for."""
        return self._portal.call(lambda: self._engram.resident_bytes)

    @property
    def memory_budget(self) -> int:
        """How many bytes may be resident."""
        return self._engram.memory_budget

    def space(self, space_id: str = "default") -> Space:
        """Return the handle of a memory space; see `engram.Engram.space`."""
        return Space(self._portal, self._portal.call(self._engram.space, space_id))

    def create_space(self, space_id: str) -> Space:
        """Create a memory space; see `engram.Engram.create_space`."""
        return Space(self._portal, self._portal.call(self._engram.create_space, space_id))

    def metrics(self) -> dict[str, float]:
        """Return every measured number under its Prometheus name; see `engram.Engram.metrics`."""
        return self._portal.call(self._engram.metrics)

    health = _store_verb(AsyncEngram.health)
    backup = _store_verb(AsyncEngram.backup)
    restore = _store_verb(AsyncEngram.restore)
    drop_space = _store_verb(AsyncEngram.drop_space)
    checkpoint = _store_verb(AsyncEngram.checkpoint)
    compact = _store_verb(AsyncEngram.compact)
    reembed = _store_verb(AsyncEngram.reembed)
    spaces = _store_verb(AsyncEngram.spaces)


@contextmanager
def open(  # noqa: A001 - engram.sync.open mirrors engram.open
    path: str | os.PathLike[str] | None = None,
    *,
    embedder: Embedder | str | None = FROM_SETTINGS,
    kernels: str | None = None,
    config: str | os.PathLike[str] | bool | None = None,
) -> Iterator[Engram]:
    """Open the store at `path` until the block is left; see `engram.open` for what may go wrong."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            open_store(path, embedder=embedder, kernels=kernels, config=config)
        ) as engram,
    ):
        yield Engram(portal, engram)


@contextmanager
def connect(
    url: str,
    *,
    api_key: str | None = None,
    timeout: float | None = TIMEOUT_SECONDS,
    traces: bool = False,
    authorities: str | os.PathLike[str] | None = None,
) -> Iterator[RemoteEngram]:
    """Lend the store that a server has open until the block is left; see `engram.connect`."""
    # Who opens a store here needs no client.
    from engram.connecting import connect as connected  # noqa: PLC0415
    from engram.edges.client.waited import RemoteEngram  # noqa: PLC0415 - as above

    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            connected(url, api_key=api_key, timeout=timeout, traces=traces, authorities=authorities)
        ) as engram,
    ):
        yield RemoteEngram(portal, engram)
