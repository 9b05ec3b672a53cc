"""The trace that a program is in goes on with what it asks of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

import engram
import engram.sync
from engram.adapters.local.clock import SystemClock
from engram.edges.http.guard import Guard
from tests.edges.kept_lines import Lines

if TYPE_CHECKING:
    from tests.edges.client.conftest import Serve

pytestmark = pytest.mark.anyio
TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736
CALLER = NonRecordingSpan(SpanContext(TRACE, 0xF067AA0BA902B7, True, TraceFlags(1)))


async def test_a_server_is_told_of_the_trace_when_that_is_asked_for(serve: Serve) -> None:
    """Also by a program that records no spans of its own."""
    audit = Lines()
    with serve(Guard(SystemClock(), audit=audit)) as server:
        for traces in (True, False):
            async with engram.connect(server.url, traces=traces) as db:
                with trace.use_span(CALLER):
                    await (await db.space()).remember(f"said with {traces}")
    first, second = audit.lines
    assert first.correlation_id == f"{TRACE:032x}"
    assert second.correlation_id == second.request_id


def test_so_it_is_without_async(serve: Serve) -> None:
    audit = Lines()
    with (
        serve(Guard(SystemClock(), audit=audit)) as server,
        engram.sync.connect(server.url, traces=True) as db,
        trace.use_span(CALLER),
    ):
        db.space().remember("the kettle is blue")
    assert [each.correlation_id for each in audit.lines] == [f"{TRACE:032x}"]
