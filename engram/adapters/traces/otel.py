"""Spans of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Final, cast

from opentelemetry import context, trace
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engram.adapters.local.clock import SystemClock
from engram.ports import Origin, Span

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from engram.ports import SpanKind as Kind

SPACE: Final = "memory_space"
_KEY: Final = context.create_key(SPACE)
_LINKS_MAX: Final = 128  # as many as OpenTelemetry keeps unless it is told otherwise
_KINDS: Final = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}
_W3C: Final = TraceContextTextMapPropagator()
_NOTHING: Final = nullcontext()
# OpenTelemetry times every span by the time of the system.
_CLOCK: Final = SystemClock()


class _OtelSpan:
    """One span of OpenTelemetry."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def trace_id(self) -> str:
        """The trace it is part of, 32 hexadecimal digits."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    def note(self, name: str, value: str | float | bool) -> None:
        """Set an attribute."""
        self._span.set_attribute(name, value)

    def fail(self, error: str) -> None:
        """Set the status and `error.type`."""
        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))


class OtelTracer:
    """Makes spans of a provider of OpenTelemetry's, by default those of its SDK."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._tracer = provider.get_tracer("engram")

    def span(
        self,
        name: str,
        space: str | None = None,
        *,
        kind: Kind = "internal",
        origins: Sequence[Origin] = (),
    ) -> AbstractContextManager[Span]:
        """Begin a span within the current one, or within the first of `origins`, linked to all."""
        parent, links = context.get_current(), []
        if origins:
            found = [cast("SpanContext", each) for each in origins[:_LINKS_MAX]]
            parent = trace.set_span_in_context(trace.NonRecordingSpan(found[0]), parent)
            links = [Link(each) for each in found]
        return self._begun(name, space, parent, _KINDS[kind], links)

    def served(
        self, name: str, parent: str | None, state: str | None
    ) -> AbstractContextManager[Span]:
        """Begin the span of a request, within that of its caller."""
        said = {"traceparent": parent, "tracestate": state}
        carrier = {name: each for name, each in said.items() if each is not None}
        return self._begun(name, None, _W3C.extract(carrier), SpanKind.SERVER, [])

    def within(self, name: str, space: str | None = None) -> AbstractContextManager[object]:
        """Begin a span within the current one; nothing where there is none."""
        if not trace.get_current_span().is_recording():
            return _NOTHING
        current = context.get_current()
        about = space if space is not None else cast("str | None", context.get_value(_KEY))
        return self._begun(name, about, current, SpanKind.INTERNAL, [])

    def stages(self, space: str) -> Callable[[str, int], None] | None:
        """Return what makes a span, within the current one, of each stage that just ended."""
        if not trace.get_current_span().is_recording():
            return None
        within = context.get_current()

        def ended(stage: str, took_ns: int) -> None:
            now = _CLOCK.now()
            span = self._tracer.start_span(stage, within, start_time=now - took_ns)
            span.set_attribute(SPACE, space)
            span.end(now)

        return ended

    def origin(self) -> Origin | None:
        """Return the context of the current span."""
        span = trace.get_current_span()
        return Origin(span.get_span_context()) if span.is_recording() else None

    def headers(self) -> dict[str, str]:
        """Return W3C traceparent and tracestate of the current span."""
        found: dict[str, str] = {}
        _W3C.inject(found)
        return found

    @contextmanager
    def _begun(
        self,
        name: str,
        space: str | None,
        parent: Context,
        kind: SpanKind,
        links: list[Link],
    ) -> Iterator[Span]:
        span = self._tracer.start_span(name, parent, kind, links=links)
        found = _OtelSpan(span)
        current = trace.set_span_in_context(span, parent)
        if space is not None:
            current = context.set_value(_KEY, space, current)
            span.set_attribute(SPACE, space)
        token = context.attach(current)
        try:
            yield found
        except BaseException as error:
            found.fail(type(error).__name__)
            raise
        finally:
            context.detach(token)
            span.end()
