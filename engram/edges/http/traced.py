"""The span of a request, from its head to the last byte of its answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from engram.edges.http.calls import Endpoint
from engram.edges.http.naming import Head
from engram.edges.http.visits import Visit
from engram.ports import Tracer

# As OpenTelemetry's conventions for HTTP have it: what the caller did wrong is no failure of ours.
_FAILED: Final = 500


@contextmanager
def request_span(
    tracer: Tracer, endpoint: Endpoint | None, method: str, head: Head, visit: Visit
) -> Iterator[None]:
    """Begin the span of a request; its trace correlates it unless its caller named something."""
    name = method if endpoint is None else endpoint.route
    with tracer.served(name, *head.trace_parent) as span:
        if head.correlation_id is None:
            visit.correlation_id = span.trace_id
        try:
            yield
        finally:
            span.note("http.request.method", method)
            span.note("request_id", visit.request_id)
            if endpoint is not None:
                span.note("http.route", endpoint.path)
            if visit.space is not None:
                span.note("memory_space", visit.space)
            if visit.status:
                span.note("http.response.status_code", visit.status)
            if visit.status >= _FAILED:
                span.fail(str(visit.status))
