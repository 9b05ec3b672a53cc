"""The verbs of a server's store, each waited for: what `engram.sync.connect` lends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from engram.edges.client.space import RemoteSpace as AsyncSpace
from engram.edges.client.store import RemoteEngram as AsyncEngram
from engram.service.waited import Subscription

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal


P = ParamSpec("P")
T = TypeVar("T")


def _space_verb(
    verb: Callable[Concatenate[AsyncSpace, P], Awaitable[T]],
) -> Callable[Concatenate[RemoteSpace, P], T]:
    @wraps(verb)
    def call(self: RemoteSpace, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._portal.call(partial(verb, self._space, *args, **kwargs))

    return call


def _store_verb(
    verb: Callable[Concatenate[AsyncEngram, P], Awaitable[T]],
) -> Callable[Concatenate[RemoteEngram, P], T]:
    @wraps(verb)
    def call(self: RemoteEngram, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._portal.call(partial(verb, self._engram, *args, **kwargs))

    return call


class RemoteSpace:
    """One memory space of a server; each verb is that of `engram.RemoteSpace`, waited for."""

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
    search = _space_verb(AsyncSpace.search)
    recognize = _space_verb(AsyncSpace.recognize)
    complete = _space_verb(AsyncSpace.complete)
    query = _space_verb(AsyncSpace.query)
    get = _space_verb(AsyncSpace.get)
    list = _space_verb(AsyncSpace.list)
    replay = _space_verb(AsyncSpace.replay)
    labels = _space_verb(AsyncSpace.labels)
    update = _space_verb(AsyncSpace.update)
    history = _space_verb(AsyncSpace.history)
    forget = _space_verb(AsyncSpace.forget)
    forget_many = _space_verb(AsyncSpace.forget_many)
    unsuppress = _space_verb(AsyncSpace.unsuppress)
    feedback = _space_verb(AsyncSpace.feedback)
    lability = _space_verb(AsyncSpace.lability)
    configure = _space_verb(AsyncSpace.configure)
    settings = _space_verb(AsyncSpace.settings)
    associate = _space_verb(AsyncSpace.associate)
    associate_many = _space_verb(AsyncSpace.associate_many)
    dissociate = _space_verb(AsyncSpace.dissociate)
    associations = _space_verb(AsyncSpace.associations)
    neighbours = _space_verb(AsyncSpace.neighbours)
    spread = _space_verb(AsyncSpace.spread)
    paths = _space_verb(AsyncSpace.paths)
    contradictions = _space_verb(AsyncSpace.contradictions)
    wait_linked = _space_verb(AsyncSpace.wait_linked)
    near_duplicates = _space_verb(AsyncSpace.near_duplicates)
    consolidate = _space_verb(AsyncSpace.consolidate)
    concepts = _space_verb(AsyncSpace.concepts)
    belief_history = _space_verb(AsyncSpace.belief_history)
    export_to = _space_verb(AsyncSpace.export_to)
    import_from = _space_verb(AsyncSpace.import_from)
    stats = _space_verb(AsyncSpace.stats)
    checkpoint = _space_verb(AsyncSpace.checkpoint)
    compact = _space_verb(AsyncSpace.compact)
    reembed = _space_verb(AsyncSpace.reembed)

    def subscribe(self, topic: str = "activities", *, after: int | None = None) -> Subscription:
        """Follow what is committed to the space; see `engram.RemoteSpace.subscribe`."""
        return Subscription(self._portal, self._space.subscribe(topic, after=after))


class RemoteEngram:
    """The store of a server; each verb is that of `engram.RemoteEngram`, waited for."""

    def __init__(self, portal: BlockingPortal, engram: AsyncEngram) -> None:
        self._portal = portal
        self._engram = engram

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._engram.url

    def space(self, space_id: str = "default") -> RemoteSpace:
        """Return the handle of a memory space; the server is not asked."""
        return RemoteSpace(self._portal, self._portal.call(self._engram.space, space_id))

    def create_space(self, space_id: str) -> RemoteSpace:
        """Create a memory space; see `engram.Engram.create_space`."""
        return RemoteSpace(self._portal, self._portal.call(self._engram.create_space, space_id))

    drop_space = _store_verb(AsyncEngram.drop_space)
    spaces = _store_verb(AsyncEngram.spaces)
    health = _store_verb(AsyncEngram.health)
    checkpoint = _store_verb(AsyncEngram.checkpoint)
    compact = _store_verb(AsyncEngram.compact)
    reembed = _store_verb(AsyncEngram.reembed)
    verify = _store_verb(AsyncEngram.verify)
    backup = _store_verb(AsyncEngram.backup)
    restore = _store_verb(AsyncEngram.restore)
