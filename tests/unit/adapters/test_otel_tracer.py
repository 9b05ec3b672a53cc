"""Spans of OpenTelemetry: what is within what, and where they go."""

from __future__ import annotations

import socket
import sys
from typing import Any

import anyio
import pytest
from opentelemetry import trace

from engram.adapters.traces import opening
from engram.adapters.traces.opening import open_tracer
from engram.model.errors import InvalidRequest, SpaceNotFound
from engram.settings import load_settings
from tests.kept_spans import KeptSpans, context_of, facts_of, one, parent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def kept() -> KeptSpans:
    return KeptSpans()


def test_what_is_begun_within_a_span_is_its_child_and_of_its_space(kept: KeptSpans) -> None:
    with kept.tracer.span("verb", "notes") as verb:
        verb.note("n", 3)
        with kept.tracer.within("kernel"):
            pass
    spans = kept.take()
    assert parent_of(one("kernel", spans)) == context_of(one("verb", spans)).span_id
    assert facts_of(one("verb", spans)) == {"memory_space": "notes", "n": 3}
    assert facts_of(one("kernel", spans)) == {"memory_space": "notes"}
    assert verb.trace_id == trace.format_trace_id(context_of(one("verb", spans)).trace_id)


def test_outside_of_any_span_nothing_is_begun_within_one(kept: KeptSpans) -> None:
    """Nor is there anything to hand to another task, or to another process."""
    with kept.tracer.within("kernel"):
        assert kept.tracer.origin() is None
        assert kept.tracer.headers() == {}
    spans = kept.take()
    assert spans == []


def test_a_span_of_several_origins_is_within_the_first_and_linked_to_all(kept: KeptSpans) -> None:
    origins = []
    for name in ("one", "other"):
        with kept.tracer.span(name):
            origin = kept.tracer.origin()
            assert origin is not None
            origins.append(origin)
    with kept.tracer.span("commit", "notes", origins=origins):
        pass
    spans = kept.take()
    commit = one("commit", spans)
    assert parent_of(commit) == context_of(one("one", spans)).span_id
    assert [each.context.span_id for each in commit.links] == [
        context_of(one(name, spans)).span_id for name in ("one", "other")
    ]


def test_a_trace_goes_from_process_to_process(kept: KeptSpans) -> None:
    """By the headers of one, which the other takes over."""
    with kept.tracer.span("ask", kind="client"):
        sent = kept.tracer.headers()
    with kept.tracer.served("answer", sent["traceparent"], sent.get("tracestate")):
        pass
    with kept.tracer.served("foreign", PARENT, "vendor=1"):
        assert kept.tracer.headers()["tracestate"] == "vendor=1"
    spans = kept.take()
    assert parent_of(one("answer", spans)) == context_of(one("ask", spans)).span_id
    assert (one("ask", spans).kind, one("answer", spans).kind) == (
        trace.SpanKind.CLIENT,
        trace.SpanKind.SERVER,
    )
    foreign = one("foreign", spans).parent
    assert foreign is not None
    assert (trace.format_trace_id(foreign.trace_id), foreign.is_remote) == (TRACE, True)


@pytest.mark.parametrize("parent", [None, "", "rubbish", PARENT.replace(TRACE, "0" * 32)])
def test_a_parent_that_is_not_valid_counts_as_missing(kept: KeptSpans, parent: str | None) -> None:
    with kept.tracer.served("answer", parent, None):
        pass
    spans = kept.take()
    assert one("answer", spans).parent is None


def test_a_span_that_is_left_by_an_error_has_its_name_and_nothing_it_says(kept: KeptSpans) -> None:
    """Messages may hold what a collector should not."""
    with pytest.raises(SpaceNotFound), kept.tracer.span("verb"):
        raise SpaceNotFound("notes")
    spans = kept.take()
    span = one("verb", spans)
    assert (span.status.is_ok, span.status.description) == (False, None)
    assert facts_of(span) == {"error.type": "SpaceNotFound"}
    assert span.events == ()


@pytest.mark.parametrize(
    "url", ["collector", "ftp://a", "http://", "http://key@a", "http://a?key=1", "http://a b"]
)
def test_what_is_no_collector_is_refused(url: str) -> None:
    """And so is a secret in its address."""
    with pytest.raises(InvalidRequest, match=r"ENGRAM_TRACES=.* is not off, on, or the URL"):
        load_settings({"ENGRAM_TRACES": url})


@pytest.mark.anyio
async def test_without_a_setting_nothing_is_traced(anyio_backend: str) -> None:  # noqa: ARG001 - loop
    assert load_settings({}).traces == "off"
    async with open_tracer("off") as tracer:
        assert tracer is None


@pytest.mark.anyio
@pytest.mark.parametrize("where", ["on", "http://127.0.0.1:4318"])
async def test_without_opentelemetry_the_extra_is_named(
    anyio_backend: str,  # noqa: ARG001 - loop
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    absent: dict[str, Any] = dict.fromkeys(
        name for name in sys.modules if name.startswith("opentelemetry")
    )
    for name in (*absent, "opentelemetry"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InvalidRequest, match=r"engram-memory-engine\[otel\]"):
        async with open_tracer(where):
            pass


@pytest.mark.anyio
async def test_a_collector_that_does_not_answer_keeps_nobody(
    anyio_backend: str,  # noqa: ARG001 - loop
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it does not take in time is given up."""
    monkeypatch.setattr(opening, "_LAST_SECONDS_MAX", 0.05)
    monkeypatch.setattr(opening, "_EXPORT_SECONDS_MAX", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with open_tracer(f"http://127.0.0.1:{silent.getsockname()[1]}") as tracer:
            assert tracer is not None
            with tracer.span("verb"):
                pass
            left = anyio.current_time()
        assert anyio.current_time() - left < 2
