"""What a stream is, and what it is handed: two ways to its caller, one of them bounded.

Rule 1: a stream is about one memory space, decided when it begins; no message leads to another.
Rule 2: each message goes through admission as a call would: access, rate, audit, durations.
Rule 3: nothing is buffered for a caller that takes nothing: after a while it is let go of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol

import anyio
from google.protobuf.message import Message

from engram.edges.grpc.calls import SERVICE, Call
from engram.edges.grpc.door import Asked, Host, Visit, fields_of
from engram.edges.grpc.limits import STALLED_SECONDS_MAX, STREAMS_AT_ONCE_MAX
from engram.edges.grpc.refused import Refusal
from engram.model.errors import Closed, InvalidRequest, Overloaded
from engram.service.access import Role


class Peer(Protocol):
    """The caller at the other end of a stream; used on the store's loop."""

    async def receive(self) -> Any:
        """Return its next message; None when it sends no more."""

    async def send(self, message: Message) -> None:
        """Send it a message, waiting while it takes nothing."""


class Stalled(Exception):
    """The caller of a stream takes nothing."""


class Streams:
    """The streams of one server: how many there are, and the end of all of them."""

    def __init__(self) -> None:
        self.at_once_max = STREAMS_AT_ONCE_MAX
        self.stalled_s = STALLED_SECONDS_MAX
        self.count = self.dropped_count = 0
        self._is_stopping = False
        self._open: set[anyio.CancelScope] = set()

    def check_room(self) -> None:
        """Raise Overloaded when there are as many as there may be, Closed when they end."""
        if self._is_stopping:
            raise Closed("the server")
        if self.count >= self.at_once_max:
            raise Overloaded("streams_at_once_max", self.at_once_max)

    async def stop(self) -> None:
        """End what all of them wait for; each says where it ended."""
        self._is_stopping = True
        for scope in list(self._open):
            scope.cancel()

    def begin(self, scope: anyio.CancelScope) -> None:
        """Count one more, which waits within `scope`."""
        self.count += 1
        self._open.add(scope)
        if self._is_stopping:
            scope.cancel()

    def end(self, scope: anyio.CancelScope) -> None:
        """Count one less."""
        self.count -= 1
        self._open.discard(scope)


class Talk:
    """One stream that was let in."""

    def __init__(self, host: Host, streams: Streams, visit: Visit, call: Call, peer: Peer) -> None:
        self.host, self.streams, self.visit, self.call = host, streams, visit, call
        self.begun: Any = None
        """What the procedure began with, where it has a `begin`."""
        self._peer = peer
        self._writing = anyio.Lock()

    async def receive(self) -> Any:
        """Return the next message of the caller; None when it sends no more."""
        return await self._peer.receive()

    async def send(self, message: Message) -> None:
        """Send a message; Stalled when the caller does not take it in time."""
        with anyio.move_on_after(self.streams.stalled_s):
            async with self._writing:
                await self._peer.send(message)
            return
        raise Stalled

    async def answered(
        self, message: Any, seq: int, work: Callable[[Call], Awaitable[Message]]
    ) -> tuple[Message | None, Refusal | None]:
        """Do the work of one message, as that of a call: rule 2."""
        visit = self.visit.of_message(seq, self.host.clock.monotonic())

        async def let_in_and_done() -> Message:
            own = message.memory_space_id if message.HasField("memory_space_id") else None
            if own not in {None, self.call.space_id}:
                raise InvalidRequest(
                    f"memory_space_id is {own!r}; this stream is about {self.call.space_id!r}, and "
                    "no message of it leads to another space"
                )
            return await work(await self.host.let_in(visit, message, self.call.space_id))

        return await self.host.carried_out(visit, let_in_and_done)


class StreamProcedure(NamedTuple):
    """One streaming call of the service."""

    name: str
    run: Callable[[Talk], Awaitable[None]]
    takes: type[Message]
    answers: type[Message]
    takes_many: bool
    """Whether the caller sends a stream, too."""
    needs: Role = Role.READER
    writes: bool = False
    begin: Callable[[Talk], Awaitable[Any]] | None = None
    """What may be refused before it goes on for as long as its caller likes."""
    is_one_answer: bool = False
    """Whether it is one answer told in parts: it is written down when all of it was told."""


def asked_of_stream(procedure: StreamProcedure) -> Asked:
    """Return what a stream is as a call."""
    name: Final = procedure.name
    return Asked(
        name,
        f"gRPC {name}",
        f"/{SERVICE}/{name}",
        procedure.run.__name__,
        procedure.needs,
        procedure.writes,
        "space",
        fields_of(procedure.takes),
    )


async def converse(
    host: Host,
    streams: Streams,
    procedure: StreamProcedure,
    asked: Asked,
    request: Any,
    peer: Peer,
    metadata: Any,
) -> tuple[Visit, Refusal | None]:
    """Carry one stream to its end; return why it was refused, or ended before its caller wished.

    `request` is what a caller sent that sends one message; runs on the store's loop.
    """
    visit = host.visit(asked, metadata)

    async def begin() -> Talk | None:
        streams.check_room()
        first = await peer.receive() if procedure.takes_many else request
        if first is None:
            return None
        talk = Talk(host, streams, visit, await host.admitted(visit, first), peer)
        if procedure.begin is not None:
            talk.begun = await procedure.begin(talk)
        if procedure.is_one_answer:
            await _told(procedure, talk)
        return talk

    # What is written down of a stream is how this ends; of a long one, how it began.
    talk, refusal = await host.carried_out(visit, begin)
    if talk is None or procedure.is_one_answer:
        return visit, refusal
    try:
        await _told(procedure, talk)
    except Exception as error:  # noqa: BLE001 - as the door has it
        return visit, host.refusal(error, visit)
    return visit, None


async def _told(procedure: StreamProcedure, talk: Talk) -> None:
    """Carry a stream out; raises why it ended before its caller wished."""
    try:
        await procedure.run(talk)
    except Exception as error:  # noqa: BLE001 - told anew, as its first
        why = _first_of(error)
        if isinstance(why, Stalled):
            talk.streams.dropped_count += 1
            why = Overloaded("stalled_seconds_max", int(talk.streams.stalled_s))
        raise why from (None if why is error else error)


def _first_of(error: Exception) -> Exception:
    """Return the first error of a group, which is what ended the others."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
