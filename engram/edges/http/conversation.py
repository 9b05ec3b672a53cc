"""What is said over one WebSocket: requests of a caller, their answers, and what it observes.

Rule 1: a conversation is about one memory space, decided when it began; no message leads
to another.
Rule 2: each message goes through the guard as a request would: access, rate, audit, durations.
Rule 3: what was asked is answered under its number, with an answer or with problem details.
Rule 4: the server ends it by a last message that says why, and a close code; an observation ends
with the LSN to go on from.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import anyio
import msgspec
from anyio import lowlevel
from anyio.abc import TaskGroup
from msgspec import UNSET, UnsetType

from engram.edges.http.calls import Call, Nothing
from engram.edges.http.connections import Connection
from engram.edges.http.door import (
    ABANDONED,
    Host,
    out_of_time,
    problem_value,
    said_and_logged,
)
from engram.edges.http.event_stream import Stalled
from engram.edges.http.limits import (
    LAST_EVENT_SECONDS_MAX,
    MESSAGE_BYTES_MAX,
    OBSERVATIONS_COUNT_MAX,
    SOCKET_DRAIN_SECONDS_MAX,
    WINDOW_COUNT,
)
from engram.edges.http.messages import Answer, ObserveBody, Welcome
from engram.edges.http.naming import Head
from engram.edges.http.problems import Refused, said_of
from engram.edges.http.sockets import SOCKET
from engram.edges.http.streamed import Receive, Send
from engram.edges.http.traced import request_span
from engram.edges.http.turns import Turn, Turns
from engram.edges.http.visits import Visit
from engram.model.errors import Closed, Overloaded
from engram.service.subscription import Subscription
from engram.service.telemetry import REQUEST

# Close codes of RFC 6455, section 7.4.1.
GOING_AWAY: Final = 1001
UNSUPPORTED_DATA: Final = 1003
POLICY_VIOLATION: Final = 1008
_UNAUTHORIZED: Final = 401
_RETRY: Final = b"retry-after"
_REASON_BYTES_MAX: Final = 123
_LOGGER: Final = logging.getLogger("engram.http")
_JSON: Final = msgspec.json.Encoder()


class Close(NamedTuple):
    """Why the server ends a conversation."""

    code: int
    error: Exception


class Conversation:
    """One WebSocket that was accepted; `run` returns when it is over."""

    def __init__(
        self,
        host: Host,
        head: Head,
        visit: Visit,
        receive: Receive,
        send: Send,
        connection: Connection,
    ) -> None:
        """Take what the caller showed when it came, and the two ways of the connection."""
        self._host, self._head, self._visit = host, head, visit
        self._receive, self._send, self._connection = receive, send, connection
        self._space = visit.space or ""
        self._turns = Turns(head, visit)
        self._under_way_count = 0
        # Of each session whose memories are on their way, when the last one of them is there.
        self._lanes: dict[str, anyio.Event] = {}
        self._changed = anyio.Event()
        self._listening = anyio.CancelScope()
        self._close = Close(GOING_AWAY, Closed("the server"))
        self._tasks: TaskGroup

    async def run(self) -> None:
        """Converse until the caller goes, the server stops, or the caller breaks a rule."""
        streams = self._host.streams
        streams.sockets_count += 1
        try:
            async with anyio.create_task_group() as self._tasks:
                self._connection.ends(self._tasks.cancel_scope)
                await self._converse()
                self._tasks.cancel_scope.cancel()
        finally:
            self._connection.ends(None)
            streams.sockets_count -= 1

    async def _converse(self) -> None:
        streams, is_gone = self._host.streams, False
        streams.begin(self._listening)
        try:
            with self._listening:
                await self._say("welcome", self._welcome())
                await self._listen()
                is_gone = True
        except Stalled:
            self._let_go()
            return
        finally:
            streams.end(self._listening)
        if not is_gone:
            await self._take_leave()

    def _welcome(self) -> Welcome:
        return Welcome(
            space=self._space,
            window=WINDOW_COUNT,
            observations_max=OBSERVATIONS_COUNT_MAX,
            message_bytes_max=MESSAGE_BYTES_MAX,
            heartbeat_s=self._host.streams.heartbeat_s,
        )

    async def _listen(self) -> None:
        """Take messages until the caller goes; none while the window is full."""
        while True:
            await self._until(lambda: self._under_way_count < WINDOW_COUNT)
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                said = "a message is JSON in a text frame; this one came in a binary frame"
                self._end(UNSUPPORTED_DATA, Refused(415, "UNSUPPORTED_MEDIA_TYPE", said))
                continue
            turn = self._turns.read(text)
            if turn is not None:
                self._begin(turn)

    def _begin(self, turn: Turn) -> None:
        self._under_way_count += 1
        self._host.under_way_count += 1
        before = None
        done = anyio.Event()
        if turn.lane is not None:
            before, self._lanes[turn.lane] = self._lanes.get(turn.lane), done
        self._tasks.start_soon(self._carry_out, turn, before, done)

    async def _carry_out(self, turn: Turn, before: anyio.Event | None, done: anyio.Event) -> None:
        try:
            if before is not None:
                await before.wait()
            tracer = self._host.tracer
            if tracer is None:
                await self._answer(turn)
            else:
                endpoint = turn.endpoint
                with request_span(tracer, endpoint, endpoint.method, self._head, turn.visit):
                    await self._answer(turn)
        except Stalled:
            self._let_go()
        finally:
            done.set()
            if turn.lane is not None and self._lanes[turn.lane] is done:
                del self._lanes[turn.lane]
            self._under_way_count -= 1
            self._host.under_way_count -= 1
            self._change()

    async def _answer(self, turn: Turn) -> None:
        """Do what is asked, write down what came of it, and say so."""
        host, visit, endpoint = self._host, turn.visit, turn.endpoint
        status, error, value = ABANDONED, None, None
        REQUEST.set(visit)  # of this task, which does nothing else
        started = host.clock.monotonic()
        try:
            value = await self._done(turn)
            status = endpoint.status
        except Exception as met:  # noqa: BLE001 - rule 3
            error = met
        finally:
            said = None if error is None else said_and_logged(error, visit)
            status = status if said is None else said.status
            host.abandoned_count += status == ABANDONED
            host.tell(visit, endpoint, SOCKET.path, status, started)
        if error is not None and said is not None:
            if isinstance(turn.value, ObserveBody):
                self._turns.observations.pop(turn.seq or 0)
            wait_s = next((int(each) for name, each in said.headers if name == _RETRY), UNSET)
            await self._say("problem", problem_value(said, visit), turn.seq, wait_s)
            if status == _UNAUTHORIZED:
                self._end(POLICY_VIOLATION, error)
        elif isinstance(value, Subscription):
            self._tasks.start_soon(self._observe, turn.seq or 0, value)
        elif turn.request is not None:
            await self._say(turn.request.answer, value, turn.seq)

    async def _done(self, turn: Turn) -> Any:
        """Return what the handler of a message returns, once the guard has let it pass."""
        host, visit, endpoint = self._host, turn.visit, turn.endpoint
        if host.under_way_count > host.requests_at_once_max:
            raise Overloaded("requests_at_once_max", host.requests_at_once_max)
        # Again for each: a key that was revoked since does not count any more.
        host.guard.let_in(endpoint, self._head, visit)
        host.guard.admit(endpoint, visit, self._space)
        await host.guard.count(endpoint, visit)
        if endpoint.writes:
            await host.db.check_new_space(self._space, visit.principal.name)
        if isinstance(turn.value, Exception):
            raise turn.value
        call = Call(
            db=host.db,
            space_id=self._space,
            is_named=True,
            path={},
            query=Nothing(),
            body=turn.value,
            request_key=turn.key,
            is_ready=host.is_ready,
            streams=host.streams,
            version=host.version,
            principal=visit.principal,
            own_metrics=host.own_metrics,
        )
        seconds = math.inf if turn.timeout_ms is None else turn.timeout_ms / 1_000
        with anyio.move_on_after(seconds):
            return await endpoint.handle(call)
        raise out_of_time(endpoint)

    async def _observe(self, seq: int, changes: Subscription) -> None:
        try:
            say = partial(self._say, seq=seq)
            end = await self._turns.observations[seq].run(changes, self._host.streams, say)
            await say("end", end)
        except Stalled:
            self._let_go()
        finally:
            del self._turns.observations[seq]
            self._change()

    async def _say(
        self,
        kind: str,
        body: Any,
        seq: int | None = None,
        wait_s: int | UnsetType = UNSET,
    ) -> None:
        """Send a message; Stalled when the caller does not take it in time."""
        number = UNSET if seq is None else seq
        text = _JSON.encode(Answer(type=kind, seq=number, retry_after_s=wait_s, body=body)).decode()
        with anyio.move_on_after(self._host.streams.stalled_s):
            await self._sent({"type": "websocket.send", "text": text})
            return
        raise Stalled

    async def _sent(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError:  # as ASGI says of a caller that is gone
            self._tasks.cancel_scope.cancel()
            await lowlevel.checkpoint()

    def _end(self, code: int, error: Exception) -> None:
        """Let the conversation end as soon as what is under way is answered."""
        self._close = Close(code, error)
        self._listening.cancel()

    async def _take_leave(self) -> None:
        """Answer what is under way, say where observations end and why all does, and close."""
        for each in self._turns.observations.values():
            each.end()
        with anyio.move_on_after(SOCKET_DRAIN_SECONDS_MAX):
            await self._until(lambda: not (self._under_way_count or self._turns.observations))
        said = said_of(self._close.error)
        reason = f"{said.code}: {said.detail}".encode()[:_REASON_BYTES_MAX].decode(errors="ignore")
        is_taken = False
        with anyio.move_on_after(LAST_EVENT_SECONDS_MAX):
            await self._say("end", problem_value(said, self._visit))
            await self._sent(
                {"type": "websocket.close", "code": self._close.code, "reason": reason}
            )
            is_taken = True
        if not is_taken:
            self._let_go()

    def _let_go(self) -> None:
        """Cut the connection of a caller that takes nothing."""
        _LOGGER.warning(
            "a caller that reads nothing was let go of: a WebSocket of space %s", self._space
        )
        self._host.streams.dropped_count += 1
        self._connection.drop()
        self._tasks.cancel_scope.cancel()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            await self._changed.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
