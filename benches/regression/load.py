"""Other work on this machine, so that a baseline knows what it does to the ratios."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# A process a core that computes and moves more bytes than the caches hold, until it is ended.
_BURN: Final = """
import numpy
column = numpy.ones(1 << 24, numpy.float32)
while True:
    column = numpy.sqrt(column + 1.0)
"""


@contextmanager
def beside(is_wanted: bool) -> Iterator[None]:
    """Keep every core busy inside the context, when that is wanted."""
    count = (os.cpu_count() or 1) if is_wanted else 0
    processes = [subprocess.Popen([sys.executable, "-c", _BURN]) for _ in range(count)]  # noqa: S603 - as written
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
