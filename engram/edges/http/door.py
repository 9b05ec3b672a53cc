"""The one way in: every request to every path is read, placed, answered and named here.

Rule 1: the memory space of a request is decided by `naming.space_of`, before any handler runs.
Rule 2: who asks is known, and may do this with this space, before the space is looked up.
Rule 3: whatever a handler raises becomes problem details; nothing else leaves this module.
Rule 4: every answer carries the id of its request, and the space it is about.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any, Final

import anyio
import msgspec

from engram.edges.http.calls import Call, Endpoint, Raw
from engram.edges.http.connections import Connection, connection_of
from engram.edges.http.event_stream import Streams
from engram.edges.http.guard import Guard, unguarded
from engram.edges.http.limits import BODY_SECONDS_MAX, REQUESTS_AT_ONCE_MAX
from engram.edges.http.naming import Head, head_of, space_of, space_or_default
from engram.edges.http.problems import PROBLEM_JSON, Problem, Refused, Said, problem_of, said_of
from engram.edges.http.reading import body_of, query_of, read_body
from engram.edges.http.streamed import (
    CUT,
    Chunks,
    Gone,
    Receive,
    Send,
    StreamedAnswer,
    check_type,
)
from engram.edges.http.traced import request_span
from engram.edges.http.visits import Visit
from engram.model.errors import InvalidRequest, KernelCancelled, Overloaded
from engram.ports import Clock
from engram.service.durations import OTHERS, Durations
from engram.service.metrics import arena_metrics
from engram.service.store import Engram
from engram.service.telemetry import REQUEST, RequestLogger, say_request
from engram.service.transfers import Transfers

Scope = MutableMapping[str, Any]
_LOGGER: Final = logging.getLogger("engram.http")
_JSON: Final = msgspec.json.Encoder()
_JSON_TYPE: Final = b"application/json"
_PREFIX: Final = "/api/v1"
_OURS: Final = 500
REFUSED: Final = 400
ABANDONED: Final = 499  # as nginx has it in its log: nobody was there to take an answer


class Host:
    """What all doors of one server share."""

    def __init__(
        self,
        db: Engram,
        version: str,
        name: str,
        clock: Clock,
        guard: Guard | None = None,
        transfers: Transfers | None = None,
        request_logger: RequestLogger | None = None,
        durations: Durations | None = None,
    ) -> None:
        """Take the open store, the version of the program, and a name no other process has.

        Without `transfers` no backups are carried, without a `request_logger` no lines are logged
        of requests that went well.
        """
        self._request_logger = request_logger
        self.tracer = db.tracer
        self.transfers = transfers
        self.db = db
        self.version = version
        self.guard = guard or unguarded()
        self.clock = clock
        self.durations = durations or Durations()
        self.is_recovered = False
        self.under_way_count = 0
        self.abandoned_count = 0
        """Requests whose caller went before they were answered."""
        self.streams = Streams()
        self.requests_at_once_max = REQUESTS_AT_ONCE_MAX
        self.body_seconds_max = BODY_SECONDS_MAX
        self.metrics_beside: Callable[[], Iterable[tuple[str, float]]] = tuple
        """What another front end of this server measures, under the same names."""
        self._name = name
        self._count = 0

    def next_request_id(self) -> str:
        """Return an id for a request that came without one."""
        self._count += 1
        return f"{self._name}-{self._count:x}"

    def own_metrics(self) -> Iterator[tuple[str, float]]:
        """Yield what the server itself measures, under names and labels."""
        yield from self.durations.samples()
        yield from arena_metrics().items()
        beside = dict(self.metrics_beside())
        own = {
            "engram_rate_limited_total": self.guard.refused_count,
            "engram_requests_under_way": self.under_way_count,
            "engram_requests_abandoned_total": self.abandoned_count,
            "engram_streams": self.streams.count,
            "engram_sockets": self.streams.sockets_count,
            "engram_streams_dropped_total": self.streams.dropped_count,
        }
        for name, value in own.items():
            yield name, value + beside.get(name, 0)

    def is_ready(self) -> bool:
        """Whether the spaces that were there at the start have been opened."""
        return self.is_recovered

    def visit(self, head: Head) -> Visit:
        """Return what is known of a request by its head."""
        request_id = head.request_id or self.next_request_id()
        return Visit(request_id, head.correlation_id or head.trace_id or request_id)

    def tell(
        self, visit: Visit, endpoint: Endpoint | None, path: str, status: int, started: int
    ) -> None:
        """Write down, count and log what came of a request that came at `started` (monotonic)."""
        duration_ns, visit.status = self.clock.monotonic() - started, status
        is_public = endpoint is not None and endpoint.is_public
        if endpoint is not None and not is_public:
            self.guard.tell(visit, endpoint.route, path, status)
            # A space that nobody may ask, or that is not there, gets no label of its own.
            space = visit.space if status < REFUSED else None
            self.durations.add(space or OTHERS, endpoint.operation, duration_ns / 1e9)
        logger = self._request_logger
        if logger is not None:
            say_request(
                logger.debug if is_public else logger.info,
                visit,
                None if endpoint is None else endpoint.route,
                visit.principal.name if visit.is_known else None,
                status,
                duration_ns,
            )


class Door:
    """One path of the server, with an endpoint for each of its methods; an ASGI application."""

    def __init__(self, host: Host, path: str, endpoints: Mapping[str, Endpoint]) -> None:
        self.path = path
        self.endpoints = dict(endpoints)
        if "GET" in endpoints:
            self.endpoints["HEAD"] = endpoints["GET"]
        self._host = host
        self._allowed = ", ".join(sorted(self.endpoints)).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        head, tracer = head_of(scope["headers"]), self._host.tracer
        visit = self._host.visit(head)
        before = REQUEST.set(visit)
        try:
            if tracer is None:
                await self._carry_out(scope, receive, send, head, visit)
            else:
                method = scope["method"]
                with request_span(tracer, self.endpoints.get(method), method, head, visit):
                    await self._carry_out(scope, receive, send, head, visit)
        finally:
            visit.is_over = True
            REQUEST.reset(before)

    async def _carry_out(
        self, scope: Scope, receive: Receive, send: Send, head: Head, visit: Visit
    ) -> None:
        host, method = self._host, scope["method"]
        endpoint = self.endpoints.get(method)
        if endpoint is not None and endpoint.by_lines is not None:
            is_other = head.media_type == endpoint.by_lines.takes
            endpoint = endpoint.by_lines if is_other else endpoint
        host.under_way_count += 1
        started = host.clock.monotonic()
        connection = connection_of(scope)
        answer: Raw | StreamedAnswer | None
        try:
            answer = await self._answer(endpoint, scope, receive, head, visit, connection)
        except Gone:
            answer = None
            host.abandoned_count += 1
        except Exception as error:  # noqa: BLE001 - rule 3
            answer = problem_answer(error, visit)
            if endpoint is not None and endpoint.takes is not None:
                visit.headers.append(CUT)
        finally:
            connection.ends(None)
            host.under_way_count -= 1
        status = ABANDONED if answer is None else answer.status
        host.tell(visit, endpoint, scope["path"], status, started)
        if answer is None:
            return
        headers = visit.answer_headers()
        if isinstance(answer, StreamedAnswer):
            await answer.send(headers, method, receive, send, connection)
            return
        headers.append((b"content-type", answer.media_type))
        headers.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        body = b"" if method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self,
        endpoint: Endpoint | None,
        scope: Scope,
        receive: Receive,
        head: Head,
        visit: Visit,
        connection: Connection,
    ) -> Raw | StreamedAnswer:
        host = self._host
        if host.under_way_count > host.requests_at_once_max:
            raise Overloaded("requests_at_once_max", host.requests_at_once_max)
        if endpoint is None:
            # The space is looked at first all the same: see rule 1.
            space_of(head)
            raise Refused(
                405,
                "METHOD_NOT_ALLOWED",
                f"{scope['method']} does not work on {self.path}; {self._allowed.decode()} do",
                headers=[(b"allow", self._allowed)],
            )
        host.guard.let_in(endpoint, head, visit)
        timeout_s, body = head.timeout_s, b""
        call: Call | None = None
        if timeout_s is None and (endpoint.body is None or connection.is_read):
            # Nothing is awaited before the handler, so a scope is needed only where that may last.
            body = b"" if endpoint.body is None else await read_body(head, receive)
            call = self._call(endpoint, scope, head, body, visit)
            with_it = endpoint.brief_with
            if endpoint.is_brief or (with_it and getattr(call.body, with_it, None) is not None):
                return await self._handled(endpoint, call, visit)
        with anyio.CancelScope() as limit:
            connection.ends(limit)
            if call is None:
                if endpoint.body is not None:
                    limit.deadline = anyio.current_time() + host.body_seconds_max
                    body = await read_body(head, receive)
                call = self._call(endpoint, scope, head, body, visit)
            deadline = math.inf if timeout_s is None else anyio.current_time() + timeout_s
            if endpoint.takes is not None:
                check_type(head.media_type, endpoint.takes)
                call = call._replace(chunks=Chunks(receive, endpoint.takes_bytes_max, deadline))
            limit.deadline = deadline
            return await self._handled(endpoint, call, visit)
        if connection.is_gone:
            raise Gone
        if not visit.is_read:
            raise Refused(
                408,
                "REQUEST_TIMEOUT",
                f"the body took longer than {host.body_seconds_max:g} s to arrive",
                headers=[CUT],
            )
        raise out_of_time(endpoint)

    def _call(
        self, endpoint: Endpoint, scope: Scope, head: Head, body: bytes, visit: Visit
    ) -> Call:
        """Return the request as its handler takes it; `visit` is given its space."""
        path: dict[str, str] = scope.get("path_params", {})
        resource = path["space"] if endpoint.target == "path" else None
        if resource is not None or head.space is not None:
            # Said before anything else is read: what follows may be wrong for that space alone.
            named = space_of(head, resource=resource)
            if endpoint.target != "body":
                self._host.guard.admit(endpoint, visit, named)
        query = query_of(endpoint.query, scope["query_string"])
        value = None if endpoint.body is None else body_of(endpoint.body, body)
        in_query, in_body = getattr(query, "space", None), getattr(value, "named_space", None)
        if endpoint.target == "body":
            resource = in_body
        named = space_of(head, in_query, in_body, resource=resource)
        if named is not None or not endpoint.is_about_store:
            self._host.guard.admit(endpoint, visit, space_or_default(named))
        visit.is_read, space = True, space_or_default(named)
        key = head.request_key if endpoint.takes_key else None
        if head.request_key is not None and not endpoint.takes_key and endpoint.writes:
            raise InvalidRequest(
                f"{endpoint.method} {endpoint.path} takes no Idempotency-Key; leave it out"
            )
        return Call(
            self._host.db,
            space,
            named is not None,
            path,
            query,
            value,
            key,
            self._host.is_ready,
            self._host.streams,
            self._host.version,
            visit.principal,
            self._host.own_metrics,
            head.last_lsn if endpoint.streams else None,
            transfers=self._host.transfers,
            wait_for_more=partial(self._host.guard.wait_s, visit),
        )

    async def _handled(self, endpoint: Endpoint, call: Call, visit: Visit) -> Raw | StreamedAnswer:
        await self._host.guard.count(endpoint, visit)
        if endpoint.writes and visit.space is not None:
            await self._host.db.check_new_space(visit.space, visit.principal.name)
        value = await endpoint.handle(call)
        if isinstance(value, Raw | StreamedAnswer):
            return value
        return Raw(_JSON.encode(value), _JSON_TYPE, endpoint.status)


class Elsewhere:
    """Every path that has no door: a legacy one leads on, any other is not there."""

    def __init__(self, host: Host, is_known: Callable[[str], bool]) -> None:
        self._host, self._is_known = host, is_known

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Redirect with 308 what only lacks /api/v1, refuse the rest."""
        if scope["type"] not in {"http", "websocket"}:
            return
        visit = self._host.visit(head_of(scope["headers"]))
        started = self._host.clock.monotonic()
        if self._is_known(f"{_PREFIX}{scope['path']}"):
            query = scope["query_string"]
            path = scope.get("raw_path", scope["path"].encode()).split(b"?")[0]
            location = _PREFIX.encode() + path + (b"?" + query) * bool(query)
            visit.headers.append((b"location", location))
            answer = Raw(b"", _JSON_TYPE, 308)
        else:
            missing = f"there is no {scope['path']!r} here; see /docs"
            answer = problem_answer(Refused(404, "NOT_FOUND", missing), visit)
        self._host.tell(visit, None, scope["path"], answer.status, started)
        # A WebSocket that is not accepted is answered like a request.
        prefix = "websocket." if scope["type"] == "websocket" else ""
        await send_whole(send, answer, visit, prefix)


async def send_whole(send: Send, answer: Raw, visit: Visit, prefix: str = "") -> None:
    """Answer in one piece; `prefix` is what ASGI has before the names of its messages."""
    headers = visit.answer_headers()
    headers.append((b"content-type", answer.media_type))
    headers.append((b"content-length", b"%d" % len(answer.body)))
    start = {"type": f"{prefix}http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": f"{prefix}http.response.body", "body": answer.body})


def out_of_time(endpoint: Endpoint) -> Exception:
    """Return what to say of a request that was stopped on its way; a write may have been done."""
    if not endpoint.writes:
        return KernelCancelled()
    return Refused(
        504,
        "DEADLINE_EXCEEDED",
        "the time was over before the write was acknowledged; it may have been done. Repeat it "
        "with the same Idempotency-Key to learn what became of it",
    )


def said_and_logged(error: Exception, visit: Visit) -> Said:
    """Return what a caller is told of an error; the log has what is ours."""
    said = said_of(error)
    if said.status == _OURS:
        space = visit.space or "-"
        _LOGGER.error("request %s in space %s failed", visit.request_id, space, exc_info=error)
    return said


def problem_value(said: Said, visit: Visit) -> Problem:
    """Return the problem details of what is said to a request."""
    return problem_of(
        said,
        request_id=visit.request_id,
        correlation_id=visit.correlation_id,
        space=visit.space,
    )


def problem_answer(error: Exception, visit: Visit) -> Raw:
    """Return the problem details of an error, and give its headers to the answer."""
    said = said_and_logged(error, visit)
    visit.headers += said.headers
    return Raw(_JSON.encode(problem_value(said, visit)), PROBLEM_JSON, said.status)
