"""Puts a client of a server together: `engram.connect`."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.traces.opening import tracer_of_process
from engram.edges.client.limits import TIMEOUT_SECONDS
from engram.edges.client.opening import open_remote
from engram.edges.client.store import RemoteEngram
from engram.ports import Tracer


def connect(
    url: str,
    *,
    api_key: str | None = None,
    timeout: float | None = TIMEOUT_SECONDS,
    traces: bool = False,
    authorities: str | os.PathLike[str] | None = None,
) -> AbstractAsyncContextManager[RemoteEngram]:
    """Lend the store that a server has open, with the verbs of `engram.open`; `async with` it.

    Nothing is sent before the first verb. What may be repeated without doing anything twice (reads,
    and writes, for which the client makes keys) is sent again when a server does not answer, or
    asks to come back later (`Retry-After`). docs/reference/library.md says what differs.

    Args:
        url: where the server is, such as `http://127.0.0.1:7432` or, with the extra `[grpc]`,
            `grpc://127.0.0.1:50051`; `https` and `grpcs` where it has a certificate.
        api_key: a key or token; it is sent to that address only.
        timeout: seconds that a verb may take, all attempts together; None: any time.
        traces: make each request a span, where this process has set up OpenTelemetry for spans to
            go, and tell the server of it (W3C traceparent): its spans are within that one.

        authorities: a file of certificates (PEM) that may vouch for a server of https or grpcs,
            or the server's own; left out, those this machine trusts.

    Raises:
        InvalidRequest: the address, key or timeout breaks a rule, or traces are asked for and
            OpenTelemetry is not installed.
    """
    tracer = tracer_of_process() if traces else None
    trusted = None if authorities is None else Path(authorities).expanduser()
    return connect_traced(url, api_key, timeout, tracer, trusted)


def connect_traced(
    url: str,
    api_key: str | None,
    timeout: float | None,
    tracer: Tracer | None,
    authorities: Path | None,
) -> AbstractAsyncContextManager[RemoteEngram]:
    """Lend the same, whose requests are spans of this tracer; None: of none."""
    return open_remote(url, api_key, timeout, SystemClock(), SystemEntropy(), tracer, authorities)
