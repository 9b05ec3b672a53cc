"""The one way in: every call is let in, carried out, counted, timed and written down here.

Rule 1: who calls is known, and may do this with this space, before the space is looked up.
Rule 2: whatever a call raises becomes a refusal with a stable code, in the words of all fronts.
Rule 3: a call that is cancelled ends its work, and is written down all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, NamedTuple, TypeVar

from engram.model.ids import check_space_id
from engram.ports import Clock, Span, Tracer
from engram.service.access import ANYONE, Principal, Role
from engram.service.admission import Admission
from engram.service.durations import OTHERS, Durations
from engram.service.telemetry import REQUEST, RequestLogger, say_request
from engram.service.wire.names import name_of, trace_id_of
from engram.service.wire.refusals import Told, told_of

T = TypeVar("T")
_LOGGER: Final = logging.getLogger("engram.mcp")
DONE: Final = 200
_REFUSED: Final = 400
_OURS: Final = 500
_ABANDONED: Final = 499  # as over HTTP: nobody was there to take an answer


class Asked(NamedTuple):
    """What a call is."""

    route: str
    """What the log and the audit call it."""
    resource: str | None
    """What it is about, in the audit; None: it is about nothing kept here, and not written down."""
    operation: str | None = None
    """What metrics call it: the verb, as over HTTP; None: it is not timed."""
    method: str | None = None
    """That of the protocol; None where there is none."""
    tool: str | None = None
    rpc_id: str | None = None
    """What the caller numbers it within its session."""


class Refused(Exception):
    """A call that is refused, with what is told of it and how it is called."""

    def __init__(self, told: Told, names: Mapping[str, str]) -> None:
        self.told, self.names = told, names
        super().__init__(told.code)


class Visit:
    """What is known of a call while it is being answered."""

    __slots__ = (
        *("asked", "correlation_id", "is_correlated", "is_over", "operation", "principal"),
        *("request_id", "space", "started", "status", "trace_parent"),
    )

    def __init__(self, asked: Asked, principal: Principal, request_id: str, started: int) -> None:
        self.asked, self.principal = asked, principal
        self.request_id = self.correlation_id = request_id
        self.is_correlated = False
        """Whether the caller named what it belongs to."""
        self.trace_parent: tuple[str | None, str | None] = None, None
        self.operation = asked.operation
        self.space: str | None = None
        self.started, self.status = started, 0
        self.is_over = False

    @property
    def names(self) -> dict[str, str]:
        """How the call is called, in answers."""
        return {"request_id": self.request_id, "correlation_id": self.correlation_id}


class Calls:
    """What all calls of one server share."""

    def __init__(
        self,
        admission: Admission,
        clock: Clock,
        name: str,
        request_logger: RequestLogger | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """Take who is let in, the time, and a name no other process has.

        Without a `request_logger` no lines are logged of calls that went well, without a `tracer`
        there are no spans.
        """
        self.admission, self.tracer, self.durations = admission, tracer, Durations()
        self.under_way_count = 0
        self.abandoned_count = 0
        """Calls whose caller went before they were answered."""
        self._clock, self._name, self._logger = clock, name, request_logger
        self._count = 0

    def own_metrics(self) -> Iterator[tuple[str, float]]:
        """Yield what the server itself measures, under names and labels."""
        yield from self.durations.samples()
        yield "engram_rate_limited_total", self.admission.refused_count
        yield "engram_requests_under_way", self.under_way_count
        yield "engram_requests_abandoned_total", self.abandoned_count

    def visit(
        self, asked: Asked, principal: Principal = ANYONE, said: Mapping[str, Any] | None = None
    ) -> Visit:
        """Return what is known of a call by what is said beside it.

        That is `x-request-id`, `x-correlation-id`, and W3C `traceparent` and `tracestate`; what is
        no text, or none that may be repeated, counts as missing.
        """
        self._count += 1
        texts = {name: each for name, each in (said or {}).items() if isinstance(each, str)}
        own = f"{self._name}-m{self._count:x}"
        request_id = name_of(texts.get("x-request-id")) or own
        visit = Visit(asked, principal, request_id, self._clock.monotonic())
        visit.trace_parent = texts.get("traceparent"), texts.get("tracestate")
        correlation = name_of(texts.get("x-correlation-id"))
        visit.is_correlated = correlation is not None
        visit.correlation_id = correlation or trace_id_of(visit.trace_parent[0]) or request_id
        return visit

    async def let_in(self, visit: Visit, needs: Role, space: str | None) -> None:
        """Let a call in that is about this space, or about none in particular; raises why not.

        Raises:
            InvalidRequest: it is no id of a space.
            Forbidden, SpaceForbidden: who calls may not; it may not even exist.
            RateLimited, Overloaded: not now.
        """
        if space is not None:
            check_space_id(space)
        visit.space = space
        self.admission.check(visit.principal, needs, space)
        await self.admission.count(space or "")

    async def carried_out(self, visit: Visit, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work of a call, and write down, count and log what came of it.

        Raises Refused in place of whatever the work raises.
        """
        done: list[T] = []
        failure: Exception | None = None
        with self.under_way(visit):
            try:
                done.append(await work())
                visit.status = DONE
            except Exception as error:  # noqa: BLE001 - rule 2
                failure, told = error, self._told(error, visit)
                visit.status = told.status
        if failure is not None:
            raise Refused(told, visit.names) from failure
        return done[0]

    @contextmanager
    def under_way(self, visit: Visit) -> Iterator[None]:
        """Count a call while it is carried out, and tell what came of it at the end of the block.

        The block sets its status; one that ends without was abandoned.
        """
        self.under_way_count += 1
        before = REQUEST.set(visit)
        visit.status = _ABANDONED
        try:
            with self._span(visit):
                yield
        finally:
            visit.is_over = True
            self.under_way_count -= 1
            self.abandoned_count += visit.status == _ABANDONED
            REQUEST.reset(before)
            self.tell(visit)

    def _told(self, error: Exception, visit: Visit) -> Told:
        """Return what a caller is told of an error; the log has what is ours."""
        told = told_of(error)
        if told.status == _OURS:
            said = visit.asked.route, visit.request_id
            _LOGGER.error("%s (%s) failed", *said, exc_info=error)
        return told

    def tell(self, visit: Visit) -> None:
        """Write down, time and log a call that has its status."""
        asked, status = visit.asked, visit.status
        duration_ns = self._clock.monotonic() - visit.started
        if asked.resource is not None:
            self.admission.tell(
                visit.principal,
                visit.space,
                asked.route,
                asked.resource,
                status,
                visit.request_id,
                visit.correlation_id,
            )
        if visit.operation is not None:
            # A space that nobody may ask, or that is not there, gets no label of its own.
            space = visit.space if status < _REFUSED else None
            self.durations.add(space or OTHERS, visit.operation, duration_ns / 1e9)
        if self._logger is not None:
            caller = visit.principal.name or None
            say_request(self._logger.info, visit, asked.route, caller, status, duration_ns)

    @contextmanager
    def _span(self, visit: Visit) -> Iterator[None]:
        """Begin the span of a call, where anything measures."""
        with self._begun(visit) as span:
            if span is None:
                yield
                return
            if not visit.is_correlated:
                visit.correlation_id = span.trace_id
            try:
                yield
            finally:
                self._note(visit, span)

    def _begun(self, visit: Visit) -> AbstractContextManager[Span | None]:
        """Begin a span within that of the caller, or within the one that the SDK made there."""
        if self.tracer is None:
            return nullcontext()
        if self.tracer.origin() is not None:
            return self.tracer.span(visit.asked.route)
        return self.tracer.served(visit.asked.route, *visit.trace_parent)

    def _note(self, visit: Visit, span: Span) -> None:
        # As OpenTelemetry's conventions for MCP have it.
        asked = visit.asked
        noted = {
            "mcp.method.name": asked.method,
            "gen_ai.tool.name": asked.tool,
            "jsonrpc.request.id": asked.rpc_id,
            "request_id": visit.request_id,
            "memory_space": visit.space,
        }
        for name, value in noted.items():
            if value is not None:
                span.note(name, value)
        if visit.status >= _OURS:
            span.fail(str(visit.status))
