"""Opens the line to a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import httpx2

from engram.edges.client.http_line import HttpLine
from engram.edges.client.limits import CONNECT_SECONDS_MAX, CONNECTIONS_MAX, IDLE_SECONDS_MAX
from engram.edges.client.line import Line
from engram.edges.client.store import RemoteEngram
from engram.model.errors import InvalidRequest
from engram.ports import Clock, Entropy, Tracer
from engram.service.wire.tls import trusting

_SCHEMES: Final = frozenset(("http", "https", "grpc", "grpcs"))
_GRPC_PORT: Final = 50051


@asynccontextmanager
async def open_remote(
    url: str,
    api_key: str | None,
    timeout_s: float | None,
    clock: Clock,
    entropy: Entropy,
    tracer: Tracer | None = None,
    authorities: Path | None = None,
) -> AsyncIterator[RemoteEngram]:
    """Lend the store of a server until the block is left; see `engram.connect`."""
    base = _checked(url, api_key, timeout_s)
    if base.startswith("grpc"):
        async with _open_grpc(base, api_key, timeout_s, entropy, tracer, authorities) as line:
            yield RemoteEngram(line)
        return
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    connect_s = CONNECT_SECONDS_MAX if timeout_s is None else min(CONNECT_SECONDS_MAX, timeout_s)
    # Authorities are slow to load, and only https asks for them.
    verify = trusting(authorities) if base.startswith("https:") else False

    def client(connections_max: int | None) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            headers=headers,
            verify=verify,
            timeout=httpx2.Timeout(None, connect=connect_s),
            limits=httpx2.Limits(
                max_connections=connections_max,
                max_keepalive_connections=connections_max,
                keepalive_expiry=IDLE_SECONDS_MAX,
            ),
            # What an address means is not for the environment to say, nor for another server.
            trust_env=False,
            follow_redirects=False,
        )

    async with client(CONNECTIONS_MAX) as http, client(None) as streams:
        yield RemoteEngram(HttpLine(base, http, streams, timeout_s, clock, entropy, tracer))


def _open_grpc(
    url: str,
    api_key: str | None,
    timeout_s: float | None,
    entropy: Entropy,
    tracer: Tracer | None,
    authorities: Path | None,
) -> AbstractAsyncContextManager[Line]:
    """Return what lends a line over gRPC; InvalidRequest where that is not installed."""
    try:
        # An extra, and slow to load.
        from engram.edges.client.grpc_opening import open_grpc_line  # noqa: PLC0415
    except ImportError as error:
        raise InvalidRequest(
            f"{url} needs gRPC: pip install 'engram-memory-engine[grpc]' ({error})"
        ) from error
    read = httpx2.URL(url)
    is_secure = read.scheme == "grpcs"
    target = f"{read.netloc.decode()}" if read.port else f"{read.netloc.decode()}:{_GRPC_PORT}"
    roots = None
    if is_secure and authorities is not None:
        trusting(authorities)  # gRPC would say of a file without certificates only: no connection
        roots = authorities.read_bytes()
    return open_grpc_line(
        url, target, api_key, timeout_s, entropy, tracer, is_secure=is_secure, roots=roots
    )


def _checked(url: str, api_key: str | None, timeout_s: float | None) -> str:
    """Return the address without a slash at its end; InvalidRequest lists all that is wrong."""
    violations = []
    try:
        read = httpx2.URL(url)
    except (TypeError, httpx2.InvalidURL) as error:
        raise InvalidRequest(f"the address {url!r} cannot be read: {error}") from None
    if read.scheme not in _SCHEMES or not read.host:
        violations.append(f"the address {url!r} is none of a server; one is http://127.0.0.1:7432")
    if read.path.rstrip("/").endswith("/api/v1"):
        violations.append(f"the address {url!r} ends with /api/v1, which is added; leave that out")
    if read.userinfo:
        violations.append("the address holds a name or password; a key goes into api_key")
    if read.query or read.fragment:
        violations.append(f"the address {url!r} has something behind its path; leave that out")
    if api_key is not None and not (api_key and api_key.isascii() and api_key.isprintable()):
        violations.append("api_key must be printable ASCII without line ends")
    if timeout_s is not None and not 0 < timeout_s < float("inf"):
        violations.append(
            f"timeout {timeout_s!r} is no number of seconds above 0; None is no limit"
        )
    if violations:
        raise InvalidRequest(*violations)
    return url.rstrip("/")
