"""One thread for everything: what would go to worker threads runs in the calling task.

Rule: the same seed is the same story. Which task runs while a call is "in its thread" is drawn from
the seed, so that many seeds are many interleavings.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
from anyio import lowlevel

T = TypeVar("T")

_TURNS: Final = (0, 1, 1, 1, 2, 3, 8)
"""Turns that other tasks get before a call, and again before its result is told."""


class OneThread:
    """Runs blocking calls in the calling task, letting others go first as the seed says."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - repeatable is the point

    async def run(self, call: Callable[[], T], /) -> T:
        """Return what the call returns, or raise what it raises."""
        for _ in range(self._chance.choice(_TURNS)):
            await lowlevel.checkpoint()
        try:
            return call()
        finally:
            for _ in range(self._chance.choice(_TURNS)):
                await lowlevel.cancel_shielded_checkpoint()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Have anyio use no worker threads while the block runs."""

        async def run_sync(call: Callable[..., T], *arguments: object, **_: Any) -> T:
            return await self.run(lambda: call(*arguments))

        before = anyio.to_thread.run_sync
        setattr(anyio.to_thread, "run_sync", run_sync)  # noqa: B010 - its type has more arguments
        try:
            yield
        finally:
            anyio.to_thread.run_sync = before
