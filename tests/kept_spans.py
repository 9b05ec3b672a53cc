"""A tracer of OpenTelemetry whose spans stay in this process, where a test can look at them."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from engram.adapters.traces.otel import OtelTracer


class KeptSpans:
    """A tracer, and the spans of it that ended."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = OtelTracer(provider)

    def take(self) -> list[ReadableSpan]:
        """Return the spans that ended since the last time."""
        found = list(self._exporter.get_finished_spans())
        self._exporter.clear()
        return found


def context_of(span: ReadableSpan) -> SpanContext:
    """Return the ids of a span."""
    found = span.get_span_context()
    assert found is not None
    return found


def facts_of(span: ReadableSpan) -> dict[str, Any]:
    """Return what is said of a span."""
    return dict(span.attributes or {})


def parent_of(span: ReadableSpan) -> int:
    """Return the id of the span that a span is within."""
    assert span.parent is not None
    return span.parent.span_id


def way(span: ReadableSpan, spans: list[ReadableSpan]) -> list[str]:
    """Return the names of the spans a span is within, the nearest first."""
    by_id = {context_of(each).span_id: each for each in spans}
    found = []
    while span.parent is not None and span.parent.span_id in by_id:
        span = by_id[span.parent.span_id]
        found.append(span.name)
    return found


def one(name: str, spans: list[ReadableSpan]) -> ReadableSpan:
    """Return the one span of that name."""
    (found,) = [each for each in spans if each.name == name]
    return found
