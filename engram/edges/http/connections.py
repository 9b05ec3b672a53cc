"""What requests come over: tells when their caller is gone, and can be cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio

_EXTENSION: Final = "engram.connection"


class Connection:
    """One connection; requests come over it one after the other.

    A server that does not tell when a caller goes leaves it as it is made: nobody ever goes.
    """

    __slots__ = ("_cut", "_work", "is_gone", "is_read")

    def __init__(self, cut: Callable[[], None] | None = None) -> None:
        """Take what ends the connection without sending what was not taken yet."""
        self._cut = cut
        self._work: anyio.CancelScope | None = None
        self.is_gone = False
        """Whether the caller is gone: nobody waits for an answer."""
        self.is_read = False
        """Whether all of the request at hand is known to be there: its body can be had at once."""

    def ends(self, work: anyio.CancelScope | None) -> None:
        """Let the work on a request end when its caller goes, in the place of any other."""
        self._work = work
        if work is not None and self.is_gone:
            work.cancel()

    def lost(self) -> None:
        """End what is being done for the caller: it is gone."""
        self.is_gone = True
        if self._work is not None:
            self._work.cancel()

    def drop(self) -> None:
        """Let go of a caller that takes nothing; what waits for it is thrown away."""
        if self._cut is not None:
            self._cut()


def extensions_with(connection: Connection) -> dict[str, dict[object, object]]:
    """Return the extensions of the ASGI scope of a request that comes over a connection."""
    return {_EXTENSION: {"connection": connection}}


def connection_of(scope: Mapping[str, Any]) -> Connection:
    """Return what a request came over."""
    found = scope.get("extensions", {}).get(_EXTENSION, {}).get("connection")
    return found if isinstance(found, Connection) else Connection()
