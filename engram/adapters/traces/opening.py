"""Opens what the settings name for traces; OpenTelemetry is loaded only when there is something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from engram.model.errors import InvalidRequest
from engram.ports import Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

OFF: Final = "off"
OF_PROCESS: Final = "on"
_PATH: Final = "/v1/traces"
# What is not taken by then is given up: a server that stops must not wait for a collector.
_LAST_SECONDS_MAX: Final = 3.0
_EXPORT_SECONDS_MAX: Final = 5.0


def tracer_of_process() -> Tracer:
    """Return what makes spans where this process has set up OpenTelemetry for them to go.

    InvalidRequest when OpenTelemetry is not installed.
    """
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra

        from engram.adapters.traces.otel import OtelTracer  # noqa: PLC0415 - as above
    except ImportError as error:
        raise _missing(error) from error
    return OtelTracer(trace.get_tracer_provider())


@asynccontextmanager
async def open_tracer(where: str) -> AsyncIterator[Tracer | None]:
    """Lend what makes spans until the block is left; None when `where` is `off`.

    Args:
        where: `off`, `on` (where this process has set up OpenTelemetry for spans to go) or the URL
            of a collector that takes OTLP over HTTP; its sampling, batches and headers follow the
            variables of OpenTelemetry (`OTEL_TRACES_SAMPLER` and others).

    Raises:
        InvalidRequest: OpenTelemetry is not installed.
    """
    if where == OFF:
        yield None
        return
    if where == OF_PROCESS:
        yield tracer_of_process()
        return
    try:
        provider = await anyio.to_thread.run_sync(partial(_exporting, where))
    except ImportError as error:
        raise _missing(error) from error
    from engram.adapters.traces.otel import OtelTracer  # noqa: PLC0415 - an extra

    try:
        yield OtelTracer(provider)
    finally:
        with anyio.move_on_after(_LAST_SECONDS_MAX, shield=True):
            await anyio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)


def _exporting(url: str) -> TracerProvider:
    """Return what sends spans to a collector in the background."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import (  # noqa: PLC0415 - as above
        SERVICE_NAME,
        OTELResourceDetector,
        Resource,
    )
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    address = url.rstrip("/")
    exporter = OTLPSpanExporter(
        address if address.endswith(_PATH) else address + _PATH, timeout=_EXPORT_SECONDS_MAX
    )
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
    resource = Resource.create({SERVICE_NAME: "engram"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _missing(error: ImportError) -> InvalidRequest:
    return InvalidRequest(
        f"traces need OpenTelemetry, and it is not here ({error}); install "
        "engram-memory-engine[otel], or set ENGRAM_TRACES=off"
    )
