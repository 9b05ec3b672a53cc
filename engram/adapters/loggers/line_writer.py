"""Writes lines in a thread of its own, so that nobody waits for who reads them.

Rule 1: `write` takes no lock and touches no stream.
Rule 2: lines keep their order.
Rule 3: when the stream takes nothing, what comes beyond `lines_max` is dropped and counted, and
that is told once it takes something again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final, TextIO, TypeAlias

Event: TypeAlias = MutableMapping[str, Any]
"""What a line is to say, before it is one."""

LINES_WAITING_MAX: Final = 10_000
"""Some seconds of a busy server, 8 MB."""

# A thread that is woken costs as much as a dozen lines, so it gathers; but while it makes a hundred
# of them, 0.3 ms, nobody else runs.
_GATHERING_S: Final = 0.02
_CLOSING_S: Final = 1.0


class LineWriter:
    """Appends lines to a stream until it is closed; a stream that fails is written to no more."""

    def __init__(
        self,
        stream: TextIO,
        line_of: Callable[[Event], str],
        dropped: Callable[[int], Event],
        lines_max: int = LINES_WAITING_MAX,
    ) -> None:
        """Take the stream, what makes lines, and what they say where so many were dropped."""
        self._stream, self._line_of, self._dropped = stream, line_of, dropped
        self._lines_max = lines_max
        self._waiting: deque[str | Event] = deque()
        self._dropped_count = 0
        self._news, self._end = threading.Event(), threading.Event()
        self._is_awake = False
        self._thread = threading.Thread(target=self._run, name="engram logger", daemon=True)
        self._thread.start()

    def write(self, line: str | Event) -> int:
        """Take a line with its end, or what is to become one; return 0 when there is no room."""
        if len(self._waiting) >= self._lines_max:
            self._dropped_count += 1
            return 0
        self._waiting.append(line)
        if not self._is_awake:
            self._is_awake = True
            self._news.set()
        return len(line)

    def flush(self) -> None:
        """Do nothing: lines are on their way already."""

    def close(self) -> None:
        """Write what waits, for a second at most, and end the thread."""
        self._end.set()
        self._news.set()
        self._thread.join(_CLOSING_S)

    def _run(self) -> None:
        while not self._end.is_set():
            if not self._waiting:
                # Looked at once more after it: a line that came in between wakes nobody.
                self._is_awake = False
                if not self._waiting:
                    self._news.wait()
                self._news.clear()
                self._is_awake = True
            self._end.wait(_GATHERING_S)
            self._write()
        self._write()

    def _write(self) -> None:
        events = [self._waiting.popleft() for _ in range(len(self._waiting))]
        dropped, self._dropped_count = self._dropped_count, 0
        if dropped:
            events.append(self._dropped(dropped))
        lines = [each if isinstance(each, str) else self._line_of(each) for each in events]
        if lines:
            # Nobody is left to be told that nobody can be told.
            with suppress(OSError, ValueError):
                self._stream.write("".join(lines))
                self._stream.flush()
