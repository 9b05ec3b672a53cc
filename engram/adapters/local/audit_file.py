"""The audit in a file: a JSON object a line, appended by a worker thread."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from engram.adapters.local.filesystem import storage_failed
from engram.model.errors import Overloaded
from engram.service.audit import AuditLine

LINES_WAITING_MAX: Final = 10_000
_AGAIN_AFTER_S: Final = 1.0
_GATHERED_S: Final = 0.005
"""Seconds in which lines are gathered: a thread is woken 200 times a second at most, not for each
request, which would wait for the interpreter's lock beside it."""
_LOGGER: Final = logging.getLogger("engram.audit")
_JSON: Final = msgspec.json.Encoder()


class AuditFile:
    """Appends to a file that its owner alone can read, while `run` runs.

    A crash of the process loses the lines that were added since the last write, some milliseconds'
    worth; a failing disk loses none while there is room to keep them, and then requests are refused
    rather than not written down.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it; StorageFailed when it cannot be written."""
        self._path = path
        self._waiting: list[bytes] = []
        self._news = anyio.Event()
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise storage_failed("open", path, error) from error

    def check_room(self) -> None:
        """Refuse when lines cannot be written as fast as they come."""
        if len(self._waiting) >= LINES_WAITING_MAX:
            raise Overloaded("audit_lines_waiting_max", LINES_WAITING_MAX)

    def add(self, line: AuditLine) -> None:
        """Keep a line soon."""
        self._waiting.append(_JSON.encode(line) + b"\n")
        self._news.set()

    async def run(self) -> None:
        """Write what is added until this is cancelled."""
        while True:
            await self._news.wait()
            await anyio.sleep(_GATHERED_S)
            self._news = anyio.Event()
            if not await anyio.to_thread.run_sync(self._write):
                await anyio.sleep(_AGAIN_AFTER_S)
                self._news.set()

    def close(self) -> None:
        """Write what is left and close the file."""
        self._write()
        os.close(self._descriptor)

    def _write(self) -> bool:
        """Write what waits; False when the medium refused, and it waits on."""
        lines = self._waiting
        self._waiting = []
        data = b"".join(lines)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            # Of a line that was written in part the rest is written next.
            self._waiting = [data, *self._waiting]
            _LOGGER.error("Cannot write the audit %s: %s", self._path, error)  # noqa: TRY400 - told
            return False
        return True
