"""The one way in: every call is placed, let in, answered and written down here.

Rule 1: the memory space of a call is decided here, before any handler runs: metadata
`x-memory-space`, else the request's `memory_space_id`, else `default`.
Rule 2: who asks is known, and may do this with this space, before the space is looked up.
Rule 3: whatever a handler raises becomes a status with details; nothing else leaves this module.
Rule 4: every answer carries the id of its call, and the space it is about.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar

import anyio
from google.protobuf.message import DecodeError, Message

from engram.edges.grpc.calls import Call, Placing, Procedure
from engram.edges.grpc.limits import CALLS_AT_ONCE_MAX
from engram.edges.grpc.refused import DETAILS, Refusal, refusal_of
from engram.model.errors import InvalidRequest, KernelCancelled, NoAnswerInTime, Overloaded
from engram.model.ids import DEFAULT_SPACE
from engram.ports import Clock
from engram.service.access import ANYONE, Principal, Role, secret_in
from engram.service.admission import Admission
from engram.service.durations import OTHERS, Durations
from engram.service.store import Engram
from engram.service.telemetry import REQUEST, RequestLogger, say_request
from engram.service.wire.names import name_of, trace_id_of
from engram.service.wire.routing import first_named

T = TypeVar("T")
_LOGGER: Final = logging.getLogger("engram.grpc")
_DONE: Final = 200
_REFUSED: Final = 400
_OURS: Final = 500
_ABANDONED: Final = 499  # as over HTTP: nobody was there to take an answer
_WANTED: Final = frozenset(
    (
        *("x-memory-space", "x-request-id", "x-correlation-id", "authorization", "x-api-key"),
        *("traceparent", "tracestate"),
    )
)
_AGAIN: Final = (
    "it may have been done; repeat it with the same request_key to learn what became of it"
)

Metadata = tuple[tuple[str, str | bytes], ...]


class Asked(NamedTuple):
    """What a call is, be it one message or a stream: who may make it, and how it is called."""

    name: str
    route: str
    path: str
    operation: str
    needs: Role
    writes: bool
    about: Placing
    fields: Collection[str]
    """The fields of its request, for violations that begin with one."""


def asked_of(procedure: Procedure) -> Asked:
    """Return what a unary call is."""
    return Asked(
        procedure.name,
        procedure.route,
        procedure.path,
        procedure.operation,
        procedure.needs,
        procedure.writes,
        procedure.about,
        fields_of(procedure.takes),
    )


def fields_of(kind: type[Message]) -> frozenset[str]:
    """Return the names of the fields of a request, those of messages in it included."""
    found = {each.name for each in kind.DESCRIPTOR.fields}
    for each in kind.DESCRIPTOR.fields:
        if each.message_type is not None:
            found |= {inner.name for inner in each.message_type.fields}
    return frozenset(found | {each.removesuffix("_json") for each in found})


class Visit:
    """What is known of a call while it is being answered."""

    __slots__ = (
        *("asked", "correlation_id", "head", "is_known", "is_named", "is_over"),
        *("principal", "request_id", "space", "started", "status", "twice"),
    )

    def __init__(self, asked: Asked, metadata: Iterable[Any], started: int) -> None:
        self.asked, self.started = asked, started
        self.head: dict[str, str] = {}
        self.twice: str | None = None
        for name, value in metadata:
            if name in _WANTED and self.head.setdefault(name, value) != value:
                self.twice = name
        self.request_id = ""
        self.correlation_id = ""
        self.space: str | None = None
        self.is_named = False
        self.principal: Principal = ANYONE
        self.is_known = False
        self.is_over = False
        self.status = 0

    def of_message(self, seq: int, started: int) -> Visit:
        """Return what is known of one message of a stream."""
        found = Visit(self.asked, (), started)
        found.head, found.twice = self.head, self.twice
        found.request_id = f"{self.request_id}.{seq}"
        found.correlation_id = self.correlation_id
        return found

    def trailing(self) -> Metadata:
        """Return the metadata that every answer ends with."""
        found = [("x-request-id", self.request_id), ("x-correlation-id", self.correlation_id)]
        if self.space is not None:
            found.append(("x-memory-space", self.space))
        return tuple(found)


class Answer(NamedTuple):
    """What a call came to: a message, or a refusal."""

    message: Message | None
    refusal: Refusal | None
    trailing: Metadata


class Host:
    """What all calls of one server share."""

    def __init__(
        self,
        db: Engram,
        version: str,
        name: str,
        clock: Clock,
        admission: Admission | None = None,
        durations: Durations | None = None,
        request_logger: RequestLogger | None = None,
    ) -> None:
        """Take the open store, the version of the program, and a name no other process has."""
        self.db, self.version, self.clock = db, version, clock
        self.admission = admission or Admission(clock)
        self.durations = durations or Durations()
        self.tracer = db.tracer
        self.calls_at_once_max = CALLS_AT_ONCE_MAX
        self.under_way_count = 0
        self.abandoned_count = 0
        """Calls whose caller went before they were answered."""
        self._logger, self._name, self._count = request_logger, name, 0

    def own_metrics(self) -> Iterator[tuple[str, float]]:
        """Yield what the server itself measures, under names and labels."""
        yield from self.durations.samples()
        yield "engram_rate_limited_total", self.admission.refused_count
        yield "engram_requests_under_way", self.under_way_count
        yield "engram_requests_abandoned_total", self.abandoned_count

    def visit(self, asked: Asked, metadata: Iterable[Any]) -> Visit:
        """Return what is known of a call by its metadata."""
        visit = Visit(asked, metadata, self.clock.monotonic())
        head = visit.head
        self._count += 1
        visit.request_id = name_of(head.get("x-request-id")) or f"{self._name}-g{self._count:x}"
        trace = trace_id_of(head.get("traceparent"))
        visit.correlation_id = name_of(head.get("x-correlation-id")) or trace or visit.request_id
        return visit

    async def answer(
        self, procedure: Procedure, asked: Asked, request: Any, metadata: Any, left_s: float | None
    ) -> Answer:
        """Return what a unary call comes to; runs on the store's loop."""
        visit = self.visit(asked, metadata)

        async def work() -> Message:
            call = await self.admitted(visit, request)
            if left_s is None:
                return await procedure.handle(call)
            with anyio.move_on_after(left_s):
                return await procedure.handle(call)
            raise out_of_time(asked, left_s)

        message, refusal = await self.carried_out(visit, work)
        return Answer(message, refusal, with_details(visit, refusal))

    async def carried_out(
        self, visit: Visit, work: Callable[[], Awaitable[T]]
    ) -> tuple[T | None, Refusal | None]:
        """Do the work of a call, and write down, count and log what came of it."""
        self.under_way_count += 1
        before = REQUEST.set(visit)
        status = _ABANDONED
        message: T | None = None
        refusal: Refusal | None = None
        try:
            with self._span(visit):
                try:
                    message, status = await work(), _DONE
                except Exception as error:  # noqa: BLE001 - rule 3
                    refusal = self.refusal(error, visit)
                    status = refusal.told.status
                finally:
                    visit.status = status
        finally:
            visit.is_over = True
            self.under_way_count -= 1
            self.abandoned_count += status == _ABANDONED
            REQUEST.reset(before)
            self._tell(visit)
        return message, refusal

    async def admitted(self, visit: Visit, request: Any) -> Call:
        """Place a call and let it in; raises why not. Returns it as its handler takes it."""
        self._check_known(visit, request)
        space = self._placed(visit, request)
        return await self._let_in(visit, request, space)

    async def let_in(self, visit: Visit, request: Any, space: str) -> Call:
        """Let a message of a stream in that is about this space; raises why not.

        Again for each: a key that was revoked since does not count any more.
        """
        self._check_known(visit, request)
        visit.space, visit.is_named = space, True
        return await self._let_in(visit, request, space)

    def _check_known(self, visit: Visit, request: Any) -> None:
        if self.under_way_count > self.calls_at_once_max:
            raise Overloaded("calls_at_once_max", self.calls_at_once_max)
        head = visit.head
        secret = secret_in(head.get("authorization"), head.get("x-api-key"))
        visit.principal = self.admission.known(secret)
        visit.is_known = bool(visit.principal.name)
        if isinstance(request, DecodeError):
            raise InvalidRequest(f"the message cannot be read: {request}")

    async def _let_in(self, visit: Visit, request: Any, space: str | None) -> Call:
        asked = visit.asked
        self.admission.check(visit.principal, asked.needs, space)
        await self.admission.count(space or "")
        if asked.writes and space is not None:
            await self.db.check_new_space(space, visit.principal.name)
        return Call(
            self.db,
            DEFAULT_SPACE if space is None else space,
            visit.is_named,
            request,
            visit.principal,
            self.version,
            self.own_metrics,
        )

    def _placed(self, visit: Visit, request: Any) -> str | None:
        """Return the space a call is about; None where it is about the store: rule 1."""
        if visit.twice is not None:
            raise InvalidRequest(
                f"metadata {visit.twice} came twice and says different things; send it once"
            )
        asked, told = visit.asked, visit.head.get("x-memory-space")
        own = request.memory_space_id if request.HasField("memory_space_id") else None
        if asked.about == "named" and own is None:
            raise InvalidRequest("memory_space_id is missing; name the space this is about")
        named = first_named(own, told) if asked.about == "named" else first_named(told, own)
        visit.is_named = named is not None
        if named is None and asked.about != "store":
            named = DEFAULT_SPACE
        visit.space = named
        return named

    def refusal(self, error: Exception, visit: Visit) -> Refusal:
        """Return what a caller is told of an error; the log has what is ours."""
        found = refusal_of(error, visit.request_id, visit.space, visit.asked.fields)
        if found.told.status == _OURS:
            space = visit.space or "-"
            _LOGGER.error("call %s in space %s failed", visit.request_id, space, exc_info=error)
        return found

    @contextmanager
    def _span(self, visit: Visit) -> Iterator[None]:
        """Begin the span of a call, within that of its caller, where anything measures."""
        if self.tracer is None:
            yield
            return
        head, asked = visit.head, visit.asked
        with self.tracer.served(
            asked.route, head.get("traceparent"), head.get("tracestate")
        ) as span:
            if "x-correlation-id" not in head:
                visit.correlation_id = span.trace_id
            try:
                yield
            finally:
                # As OpenTelemetry's conventions for RPC have it.
                span.note("rpc.system", "grpc")
                span.note("rpc.method", asked.name)
                span.note("request_id", visit.request_id)
                if visit.space is not None:
                    span.note("memory_space", visit.space)
                if visit.status >= _OURS:
                    span.fail(str(visit.status))

    def _tell(self, visit: Visit) -> None:
        asked, status = visit.asked, visit.status
        duration_ns = self.clock.monotonic() - visit.started
        self.admission.tell(
            visit.principal,
            visit.space,
            asked.route,
            asked.path,
            status,
            visit.request_id,
            visit.correlation_id,
        )
        # A space that nobody may ask, or that is not there, gets no label of its own.
        space = visit.space if status < _REFUSED else None
        self.durations.add(space or OTHERS, asked.operation, duration_ns / 1e9)
        if self._logger is not None:
            caller = visit.principal.name if visit.is_known else None
            say_request(self._logger.info, visit, asked.route, caller, status, duration_ns)


def out_of_time(asked: Asked, left_s: float) -> Exception:
    """Return what to say of a call that was stopped on its way; a write may have been done."""
    return NoAnswerInTime(asked.path, left_s, _AGAIN) if asked.writes else KernelCancelled()


def with_details(visit: Visit, refusal: Refusal | None) -> Metadata:
    """Return what an answer ends with: why it was refused, if it was."""
    trailing = visit.trailing()
    return trailing if refusal is None else (*trailing, (DETAILS, refusal.details))
