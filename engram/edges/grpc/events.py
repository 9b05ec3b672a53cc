"""The streams of what happens in a space: followed, observed by credit, dreamt along."""

from __future__ import annotations

from typing import Any, Final

import anyio

from engram.edges.grpc.limits import (
    HEARTBEAT_SECONDS,
    LAST_EVENT_SECONDS_MAX,
)
from engram.edges.grpc.talks import Stalled, StreamProcedure, Talk
from engram.model.changes import Change
from engram.model.concepts import Consolidated
from engram.model.errors import Closed, EngramError, InvalidRequest, MemoryNotFound
from engram.service.access import Role
from engram.service.space import Space
from engram.service.subscription import Subscription
from engram.service.wire.protobuf import message_of
from engram.service.wire.refusals import told_of
from engram.v1 import engram_pb2 as wire

_TOPIC: Final = "activities"


async def stream(talk: Talk) -> None:
    """Follow what is committed to a space."""
    await _Following(talk, None).run(talk.begun)


async def observe_stream(talk: Talk) -> None:
    """Follow it, as many events as the caller asks for."""
    request: wire.ObserveRequest = talk.call.request
    following = _Following(talk, request.credit if request.HasField("credit") else None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(following.take_grants)
        try:
            await following.run(talk.begun)
        finally:
            tasks.cancel_scope.cancel()


async def _begun(talk: Talk) -> Subscription:
    request = talk.call.request
    space = await talk.call.space()
    topic = request.topic if request.HasField("topic") else _TOPIC
    after = request.after if request.HasField("after") else None
    return await space.subscribe(topic, after=after).open()


class _Following:
    """Sends what happens in a space; a caller that gave a credit is sent no more than that.

    While there is no credit nothing is buffered: the log has it, or the feed does.
    """

    def __init__(self, talk: Talk, credit: int | None) -> None:
        self._talk, self._credit = talk, credit
        self._space = talk.call.space_id
        self._granted = anyio.Event()
        self._refused: Exception | None = None
        self._told = 0
        self._is_left = False
        self._scope = anyio.CancelScope()

    async def take_grants(self) -> None:
        """Let more events come, as the caller says; it ends the stream by sending no more."""
        while (message := await self._talk.receive()) is not None:
            try:
                self._grant(message)
            except InvalidRequest as error:
                self._refused = error
                break
        self._is_left = self._refused is None
        self._scope.cancel()

    def _grant(self, message: Any) -> None:
        if isinstance(message, Exception):
            raise InvalidRequest(f"the message cannot be read: {message}")
        if message.HasField("topic") or message.HasField("after"):
            raise InvalidRequest("topic and after belong into the first message of a stream")
        if self._credit is None:
            raise InvalidRequest("this stream was begun without a credit; nothing is counted")
        self._credit += message.credit
        self._granted.set()
        self._granted = anyio.Event()

    async def run(self, changes: Subscription) -> None:
        """Send what happens until that ends; then why it did, and where to go on."""
        self._told = changes.lsn
        error: Exception = Closed("the server")
        streams = self._talk.streams
        streams.begin(self._scope)
        try:
            with self._scope:
                async with changes:
                    await self._say(started=True)
                    await self._tell(changes)
        except EngramError as met:
            error = met
        finally:
            streams.end(self._scope)
        if self._is_left:
            return
        error = self._refused or error
        told = told_of(error)
        end = wire.StreamEnd(code=told.code, detail=told.detail, resume_after=self._told)
        with anyio.move_on_after(LAST_EVENT_SECONDS_MAX):
            await self._say(end=end)
            raise error
        raise Stalled

    async def _tell(self, changes: Subscription) -> None:
        # One change is taken before there is credit for it, so that an end is noticed.
        next_one: Change | None = None
        while True:
            if next_one is None:
                next_one = await changes.next(HEARTBEAT_SECONDS)
                if next_one is None:
                    self._told = changes.lsn
                    await self._say(heartbeat=True)
            elif self._credit == 0:
                with anyio.move_on_after(HEARTBEAT_SECONDS) as waiting:
                    await self._granted.wait()
                if waiting.cancelled_caught:
                    await self._say(heartbeat=True)
            else:
                told = wire.SpaceEvent(
                    space=self._space,
                    lsn=next_one.lsn,
                    change=message_of(wire.Change, next_one),
                )
                await self._talk.send(told)
                if self._credit is not None:
                    self._credit -= 1
                self._told, next_one = next_one.lsn, None

    async def _say(self, **event: Any) -> None:
        await self._talk.send(wire.SpaceEvent(space=self._space, lsn=self._told, **event))


async def dream(talk: Talk) -> None:
    """Consolidate, and tell of the replay as it happens."""
    request: wire.DreamRequest = talk.call.request
    episodes_max = request.episodes_max if request.HasField("episodes_max") else None
    space = await talk.call.space()
    async with space.subscribe("consolidation") as changes:
        await _Dream(talk, space, changes).run(episodes_max)


class _Dream:
    """One consolidation and what it tells: its records, its progress, what it came to."""

    def __init__(self, talk: Talk, space: Space, changes: Subscription) -> None:
        self._talk, self._space, self._changes = talk, space, changes
        self._progress: tuple[int, int] | None = None
        self._waiting = anyio.CancelScope()
        self._is_over = False

    async def run(self, episodes_max: int | None) -> None:
        """Consolidate and tell of it; the consolidation ends with its caller."""
        done: Consolidated | None = None
        with anyio.CancelScope() as scope:
            self._talk.streams.begin(scope)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._tell)
                    done = await self._space.consolidate(
                        progress=self._progressed, episodes_max=episodes_max
                    )
                    self._is_over = True
                    # A subscription that is cancelled while it waits loses nothing.
                    self._waiting.cancel()
            finally:
                self._talk.streams.end(scope)
        if done is None or scope.cancelled_caught:
            raise Closed("the server")
        finished = message_of(wire.ConsolidateResponse, done)
        await self._talk.send(wire.DreamResponse(lsn=self._changes.lsn, finished=finished))

    def _progressed(self, done: int, total: int) -> None:
        self._progress = done, total

    async def _tell(self) -> None:
        while True:
            change = None
            if self._is_over:
                change = await self._changes.next(0.0)
            else:
                with anyio.CancelScope() as self._waiting:
                    change = await self._changes.next()
            if change is not None:
                await self._told(change)
            await self._say_progress()
            if change is None and self._is_over:
                return

    async def _told(self, change: Change) -> None:
        send, lsn = self._talk.send, change.lsn
        await send(wire.DreamResponse(lsn=lsn, replayed=message_of(wire.Change, change)))
        for each in change.concepts:
            try:
                concept = await self._space.get(each)
            except MemoryNotFound:  # another version took its place meanwhile, and is told, too
                continue
            await send(wire.DreamResponse(lsn=lsn, concept=message_of(wire.Memory, concept)))

    async def _say_progress(self) -> None:
        if self._progress is None:
            return
        (done, total), self._progress = self._progress, None
        progress = wire.DreamProgress(episodes_done=done, episodes_total=total)
        await self._talk.send(wire.DreamResponse(lsn=self._changes.lsn, progress=progress))


PROCEDURES: Final = (
    StreamProcedure(
        "Stream", stream, wire.StreamRequest, wire.SpaceEvent, takes_many=False, begin=_begun
    ),
    StreamProcedure(
        "ObserveStream",
        observe_stream,
        wire.ObserveRequest,
        wire.SpaceEvent,
        takes_many=True,
        begin=_begun,
    ),
    StreamProcedure(
        "Dream",
        dream,
        wire.DreamRequest,
        wire.DreamResponse,
        takes_many=False,
        needs=Role.AGENT,
        writes=True,
        is_one_answer=True,
    ),
)
