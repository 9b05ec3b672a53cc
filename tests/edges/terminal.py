"""A program at a pseudo-terminal, typed into and read as a person would."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from collections.abc import Mapping
from typing import Self

PATIENCE_S = 60


class Terminal:
    """A program at a pseudo-terminal of its own, 100 columns wide."""

    def __init__(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        self.screen = ""
        self._handle, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        known = {**os.environ, "TERM": "xterm-256color", **(environment or {})}
        self._process = subprocess.Popen(  # noqa: S603 - our own program, or a shell
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=known, start_new_session=True
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        os.close(self._handle)

    def expect(self, said: str) -> str:
        """Return what is shown up to `said`; the test fails when that does not come."""
        while said not in self.screen:
            ready, _, _ = select.select([self._handle], [], [], PATIENCE_S)
            assert ready, f"{said!r} did not come; there is {self.screen!r}"
            shown = os.read(self._handle, 65_536).decode(errors="replace")
            self.screen += re.sub(r"\x1b(?:\[[0-9;?]*[a-zA-Z]|[78=>])", "", shown)
        before, _, self.screen = self.screen.partition(said)
        return before

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._handle, keys.encode())

    def leave(self) -> int:
        """Press ctrl-d on an empty line and return the exit code."""
        self.type("\x04")
        return self._process.wait(PATIENCE_S)
