"""A collector of OpenTelemetry: a real server of OTLP over HTTP that keeps what it is sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Collector:
    """What was sent, decoded."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[Any] = []
        self.services: set[str] = set()

    def take(self, path: str, body: bytes) -> bytes:
        """Keep what a request brings; return the answer to it."""
        assert path == "/v1/traces", path
        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {
                attribute.value.string_value
                for attribute in each.resource.attributes
                if attribute.key == "service.name"
            }
            for scope in each.scope_spans:
                self.spans += scope.spans
        return bytes(ExportTraceServiceResponse().SerializeToString())

    def named(self, name: str) -> list[Any]:
        """Return the spans of that name."""
        return [each for each in self.spans if each.name == name]

    def within(self, span: Any) -> list[str]:
        """Return the names of the spans a span is within, the nearest first."""
        by_id = {each.span_id: each for each in self.spans}
        found = []
        while (span := by_id.get(span.parent_span_id)) is not None:
            found.append(str(span.name))
        return found


def attributes_of(span: Any) -> dict[str, Any]:
    """Return what is said of a span."""
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value")))
        for each in span.attributes
    }


@contextmanager
def collector() -> Iterator[Collector]:
    """Collect on a free port until the block is left."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take spans."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            answer = found.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
