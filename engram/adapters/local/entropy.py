"""The operating system's source of chance behind the Entropy port."""

from __future__ import annotations

import os
import secrets
import sys
from threading import Lock

POOL_BYTES = 8192
"""Bytes drawn at once for small tokens: a system call a memory id (5 us) would be the dearest part
of a write. The pool is dropped in a forked child, so that two processes never share bytes."""


class SystemEntropy:
    """Entropy nobody can predict; safe to call from threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pool = b""
        self._used = 0
        if sys.platform != "win32":  # which cannot fork
            os.register_at_fork(after_in_child=self._drop)

    def token(self, bytes_count: int) -> bytes:
        """Return that many unpredictable bytes."""
        if bytes_count > POOL_BYTES:
            return secrets.token_bytes(bytes_count)
        with self._lock:
            first = self._used
            if first + bytes_count > len(self._pool):
                self._pool, first = secrets.token_bytes(POOL_BYTES), 0
            self._used = first + bytes_count
            return self._pool[first : self._used]

    def _drop(self) -> None:
        self._lock = Lock()
        self._pool, self._used = b"", 0
