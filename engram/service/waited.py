"""A subscription without async, to a store of this process or of a server."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from engram.model.changes import Change


class Followed(AbstractAsyncContextManager[object], Protocol):
    """What follows a space on an event loop."""

    @property
    def lsn(self) -> int:
        """The LSN to go on from."""

    async def __anext__(self) -> Change:
        """Return the next change."""

    async def next(self, timeout: float | None = None) -> Change | None:  # noqa: ASYNC109 - theirs
        """Return the next change; None when none came within `timeout` seconds."""


class Subscription:
    """Follows a space: `with` it, then iterate over the changes, or call `next`."""

    def __init__(self, portal: BlockingPortal, subscription: Followed) -> None:
        self._portal = portal
        self._subscription = subscription
        self._entered = portal.wrap_async_context_manager(subscription)

    @property
    def lsn(self) -> int:
        """The LSN to go on from; see `engram.service.subscription.Subscription.lsn`."""
        return self._subscription.lsn

    def __enter__(self) -> Self:
        """Begin to follow; see `engram.Space.subscribe`."""
        self._entered.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Follow no longer."""
        self._entered.__exit__(kind, error, traceback)

    def __iter__(self) -> Self:
        """Return itself: it is an iterator over changes."""
        return self

    def __next__(self) -> Change:
        """Return the next change, however long it takes to come."""
        return self._portal.call(self._subscription.__anext__)

    def next(self, timeout: float | None = None) -> Change | None:
        """Return the next change; None when none came within `timeout` seconds."""
        return self._portal.call(self._subscription.next, timeout)
