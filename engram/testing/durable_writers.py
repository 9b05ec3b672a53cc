"""Durable writers over any filesystem: they write at once and tell the end a turn later."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from anyio import lowlevel

from engram.model.errors import StorageFailed
from engram.ports import DurableWrite, Filesystem, WriteEnded


class DeferredWriters:
    """What a filesystem refuses, and what a simulated crash leaves, is met here as by a thread.

    Belongs to the event loop that it was made on.
    """

    def __init__(self, filesystem: Filesystem) -> None:
        self._filesystem = filesystem
        self.writes_count = 0
        native = lowlevel.current_token().native_token
        # asyncio's loop and trio's token have the same call under two names.
        self._call_soon: Callable[[Callable[[], object]], Any] = getattr(
            native, "call_soon", None
        ) or getattr(native, "run_sync_soon")  # noqa: B009 - the type is the backend's own

    def begin(self, write: DurableWrite, ended: WriteEnded) -> bool:
        """Write, and tell the end when the event loop comes round to it."""
        self.writes_count += 1
        failure = self._failure_of(
            partial(
                self._filesystem.write_durably,
                write.handle,
                write.offset,
                write.buffers,
                write.method,
            )
        )
        mark_failure = None
        if failure is None:
            note = partial(self._filesystem.write_at, write.mark_handle, 0, [write.mark])
            mark_failure = self._failure_of(note)
        self._call_soon(partial(ended, failure, mark_failure))
        return True

    def _failure_of(self, call: Callable[[], object]) -> StorageFailed | None:
        try:
            call()
        except StorageFailed as failure:
            return failure
        return None
