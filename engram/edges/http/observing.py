"""One observation of a space over a WebSocket: as many events as were asked for, then no more."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Any, Final, Protocol

import anyio

from engram.edges.http.event_stream import End, Place, Stalled, Streams
from engram.edges.http.problems import said_of
from engram.model.changes import Change
from engram.model.errors import Closed, EngramError, InvalidRequest
from engram.service.subscription import Subscription

_LOGGER: Final = logging.getLogger("engram.http")
STOPPED: Final = "STOPPED"
"""The code of an end that the caller asked for."""


class Say(Protocol):
    """Sends a message under the number of the observation."""

    def __call__(self, kind: str, body: Any) -> Awaitable[None]:
        """Send it, waiting while the caller takes nothing."""


class Observation:
    """Sends what happens in a space; a caller that gave a credit is sent no more than that.

    While there is no credit nothing is buffered: the log has it, or the feed does.
    """

    def __init__(self, space: str, credit: int | None) -> None:
        """Take what the caller asked for; without a credit events come as fast as they are read."""
        self._space, self._credit = space, credit
        self._scope = anyio.CancelScope()
        self._granted = anyio.Event()
        self._told = 0
        self._is_stopped = False

    def grant(self, count: int) -> None:
        """Let so many more events come; InvalidRequest when they are not counted."""
        if self._credit is None:
            raise InvalidRequest("this observation was begun without a credit; nothing is counted")
        self._credit += count
        self._granted.set()
        self._granted = anyio.Event()

    def stop(self) -> None:
        """End it, as its caller asked."""
        self._is_stopped = True
        self._scope.cancel()

    def end(self) -> None:
        """End it because the conversation ends."""
        self._scope.cancel()

    async def run(self, changes: Subscription, streams: Streams, say: Say) -> End:
        """Send what happens until that ends; return why it did, and where to go on."""
        error: Exception = Closed("the conversation")
        self._told = changes.lsn
        streams.begin(self._scope)
        try:
            with self._scope:
                async with changes:
                    await say("observing", Place(self._space, changes.lsn))
                    await self._tell(changes, streams.heartbeat_s, say)
        except Stalled:
            raise
        except Exception as met:
            error = met
            if not isinstance(met, EngramError):
                _LOGGER.exception("an observation of space %s failed", self._space)
        finally:
            streams.end(self._scope)
        if self._is_stopped:
            return End(self._space, STOPPED, "it was asked to", self._told)
        said = said_of(error)
        return End(self._space, said.code, said.detail, self._told)

    async def _tell(self, changes: Subscription, heartbeat_s: float, say: Say) -> None:
        # One change is taken before there is credit for it, so that an end is noticed.
        next_one: Change | None = None
        while True:
            if next_one is None:
                next_one = await changes.next(heartbeat_s)
                if next_one is None:
                    await say("heartbeat", Place(self._space, changes.lsn))
                    self._told = changes.lsn
            elif self._credit == 0:
                with anyio.move_on_after(heartbeat_s) as waiting:
                    await self._granted.wait()
                if waiting.cancelled_caught:
                    await say("heartbeat", Place(self._space, self._told))
            else:
                await say("change", next_one)
                if self._credit is not None:
                    self._credit -= 1
                self._told, next_one = next_one.lsn, None
