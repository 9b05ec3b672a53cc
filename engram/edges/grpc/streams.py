"""The streaming procedures: what happens in a space, and many messages over one call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import anyio
from anyio.abc import TaskGroup
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from engram.edges.grpc.calls import Call
from engram.edges.grpc.limits import WINDOW_COUNT
from engram.edges.grpc.memories import check_count, memories_of
from engram.edges.grpc.refused import Refusal
from engram.edges.grpc.talks import StreamProcedure, Talk
from engram.model.errors import Closed, InvalidRequest
from engram.service.access import Role
from engram.service.wire.protobuf import given, message_of
from engram.service.wire.scalars import rows_of
from engram.v1 import engram_pb2 as wire


async def recall_stream(talk: Talk) -> None:
    """Tell a recall memory by memory: all of one view of the space."""
    call = talk.call
    request: wire.RecallStreamRequest = call.request
    found = await _recalled(call, request.recall)
    if request.HasField("lsn_min") and found.lsn < request.lsn_min:
        raise InvalidRequest(
            f"lsn_min {request.lsn_min}: the log of memory space {call.space_id!r} ends at LSN "
            f"{found.lsn}; take the LSN of a write that this space acknowledged"
        )
    whole = message_of(wire.RecallResponse, found, space=call.space_id, recollections=())
    await talk.send(wire.RecallStreamResponse(lsn=found.lsn, begun=whole))
    for each in found.recollections:
        told = message_of(wire.Recollection, each)
        await talk.send(wire.RecallStreamResponse(lsn=found.lsn, recollection=told))


async def _recalled(call: Call, request: wire.RecallRequest) -> Any:
    arguments = given(request)
    if arguments.pop("memory_space_id", call.space_id) != call.space_id:
        raise InvalidRequest("recall.memory_space_id names another space than its stream is about")
    cue = arguments.pop("query", None)
    space = await call.space()
    return await space.recall(cue, **arguments)


async def streaming_recall(talk: Talk) -> None:
    """Answer cue by cue, each under its number."""

    async def recall(call: Call) -> Message:
        found = await _recalled(call, call.request.recall)
        return message_of(wire.RecallResponse, found, space=call.space_id)

    def told(seq: int, message: Any, refused: Status | None) -> Message:
        return wire.StreamingRecallResponse(seq=seq, recalled=message, refused=refused)

    await Window(talk, recall, told).run()


async def streaming_remember(talk: Talk) -> None:
    """Remember message by message, each whole or not at all."""

    def told(seq: int, message: Any, refused: Status | None) -> Message:
        return wire.StreamingRememberResponse(seq=seq, remembered=message, refused=refused)

    await Window(talk, _remember, told).run()


async def _remember(call: Call) -> Message:
    request: wire.StreamingRememberRequest = call.request
    check_count("memories", len(request.memories))
    rows = rows_of(request.embeddings, len(request.memories)) if request.embeddings else None
    items: Any = memories_of(request.memories)
    space = await call.space()
    key = request.request_key if request.HasField("request_key") else None
    done = await space.remember_many(items, embeddings=rows, request_key=key)
    return message_of(wire.RememberManyResponse, done, space=space.id)


class _Turn(NamedTuple):
    """A message under way: when those of its session before it are there, and when it is."""

    message: Any
    before: tuple[anyio.Event, ...]
    done: anyio.Event
    sessions: frozenset[str]


class Window:
    """Answers the messages of a stream under their numbers, so many at once and no more.

    Messages with memories of one session are carried out in the order they came, for each of those
    leads to the next; all others at once, so that a group of writes takes many.
    """

    def __init__(
        self,
        talk: Talk,
        work: Callable[[Call], Awaitable[Message]],
        told: Callable[[int, Message | None, Status | None], Message],
    ) -> None:
        self._talk, self._work, self._told = talk, work, told
        self._lanes: dict[str, anyio.Event] = {}
        self._room = anyio.Semaphore(WINDOW_COUNT)
        self._seq = -1
        self._is_stopped = False

    async def run(self) -> None:
        """Answer until the caller sends no more.

        Raises Closed when the server stops before, InvalidRequest when a message breaks the order;
        what is under way is answered first.
        """
        async with anyio.create_task_group() as tasks:
            refused = await self._listen(tasks)
        if refused is not None:
            raise refused
        if self._is_stopped:
            raise Closed("the server")

    async def _listen(self, tasks: TaskGroup) -> InvalidRequest | None:
        message = self._talk.call.request
        with anyio.CancelScope() as listening:
            self._talk.streams.begin(listening)
            try:
                while message is not None:
                    wrong = self._wrong(message)
                    if wrong is not None:
                        return wrong
                    await self._room.acquire()
                    tasks.start_soon(self._answer, self._turn(message))
                    message = await self._talk.receive()
            finally:
                self._talk.streams.end(listening)
        self._is_stopped = listening.cancelled_caught
        return None

    def _wrong(self, message: Any) -> InvalidRequest | None:
        if isinstance(message, Exception):
            return InvalidRequest(f"the message cannot be read: {message}")
        if message.seq <= self._seq:
            return InvalidRequest(
                f"seq is {message.seq} after {self._seq}; each message has a higher one than the "
                "one before it"
            )
        self._seq = message.seq
        return None

    def _turn(self, message: Any) -> _Turn:
        sessions = frozenset(
            each.session for each in getattr(message, "memories", ()) if each.session
        )
        before = tuple(self._lanes[each] for each in sessions if each in self._lanes)
        done = anyio.Event()
        self._lanes |= dict.fromkeys(sessions, done)
        return _Turn(message, before, done, sessions)

    async def _answer(self, turn: _Turn) -> None:
        try:
            message, refusal = await self._done(turn)
            await self._talk.send(self._told(turn.message.seq, message, _status_of(refusal)))
        finally:
            # An answer that is not taken yet is under way: else they would pile up here.
            self._room.release()

    async def _done(self, turn: _Turn) -> tuple[Message | None, Refusal | None]:
        try:
            for earlier in turn.before:
                await earlier.wait()
            return await self._talk.answered(turn.message, turn.message.seq, self._work)
        finally:
            turn.done.set()
            for each in turn.sessions:
                if self._lanes.get(each) is turn.done:
                    del self._lanes[each]


def _status_of(refusal: Refusal | None) -> Status | None:
    return None if refusal is None else Status.FromString(refusal.details)


PROCEDURES: Final = (
    StreamProcedure(
        "StreamingRemember",
        streaming_remember,
        wire.StreamingRememberRequest,
        wire.StreamingRememberResponse,
        takes_many=True,
        needs=Role.AGENT,
        writes=True,
    ),
    StreamProcedure(
        "StreamingRecall",
        streaming_recall,
        wire.StreamingRecallRequest,
        wire.StreamingRecallResponse,
        takes_many=True,
    ),
    StreamProcedure(
        "RecallStream",
        recall_stream,
        wire.RecallStreamRequest,
        wire.RecallStreamResponse,
        takes_many=False,
        is_one_answer=True,
    ),
)
