"""Sockets that listen, and a uvicorn that stops quietly: what servers on a socket share."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from engram.model.errors import InvalidRequest


class QuietServer(uvicorn.Server):
    """Stops at SIGINT and SIGTERM, and does not raise them again: the store is still open then."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals while the server runs."""
        with super().capture_signals():
            try:
                yield
            finally:
                self._captured_signals.clear()


def listening(host: str, port: int, remedy: str, backlog: int | None = None) -> socket.socket:
    """Return a socket that listens; InvalidRequest when it cannot, with the remedy in it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        found = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        raise InvalidRequest(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; {remedy}"
        ) from error
    found.setblocking(False)
    return found


def url_of(found: socket.socket, scheme: str = "http") -> str:
    """Return the URL of a socket that listens, without a path."""
    host, port = found.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
