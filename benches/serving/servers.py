"""Servers in processes of their own, while a block runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

_STARTS_SECONDS: Final = 60
# The echo logs no requests either.
_SERVED_WITH: Final = {
    "ENGRAM_EMBEDDER": "static",
    "ENGRAM_LOG_LEVEL": "warning",
    "ENGRAM_GRPC": "off",  # two servers run at once, and it has one port
}


class Running(NamedTuple):
    """A server that listens, and its process."""

    port: int
    pid: int


def engram_command(*arguments: str | Path) -> list[str]:
    """Return the command line of this checkout's program."""
    return [sys.executable, "-m", "engram", *map(str, arguments)]


def server(
    root: Path, settings: Mapping[str, str] | None = None
) -> AbstractContextManager[Running]:
    """Run `engram start` on a store, with these settings beside the bench's own."""
    port = _free_port()
    command = engram_command("start", "--port", str(port), "--data", root)
    return _running(command, port, {**_SERVED_WITH, **(settings or {})})


def echo(bytes_count: int) -> AbstractContextManager[Running]:
    """Run a bare server that reads each body and answers so many bytes."""
    port = _free_port()
    command = [sys.executable, "-m", "benches.serving.echo", str(port), str(bytes_count)]
    return _running(command, port, {})


@contextmanager
def _running(command: list[str], port: int, settings: Mapping[str, str]) -> Iterator[Running]:
    """Run a server while the block runs."""
    child = subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait_for(port, child)
        yield Running(port, child.pid)
    finally:
        child.terminate()
        child.wait()


def _wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _STARTS_SECONDS
    while time.monotonic() < until and child.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"the server on port {port} did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
