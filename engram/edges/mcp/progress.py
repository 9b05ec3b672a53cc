"""Tells who called a tool how far long work is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")
Report = Callable[[float, float], Awaitable[None]]
"""Sends how much is done, and how much there is."""


class Progress:
    """Takes how far work is without waiting, and sends the latest of it as fast as it can be sent.

    What is sent grows each time, as the protocol wants it. Called on the event loop.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._latest, self._sent = (0, 0), 0
        self._is_over = False
        self._news = anyio.Event()

    def __call__(self, done: int, total: int) -> None:
        """Take how much is done of how much."""
        self._latest = done, total
        self._news.set()

    async def during(self, work: Callable[[], Awaitable[T]]) -> T:
        """Carry out work, and send how far it is meanwhile and at its end."""
        failure: Exception | None = None
        found: list[T] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send_on)
            try:
                found.append(await work())
            except Exception as error:  # noqa: BLE001 - raised again below, outside the group
                failure = error
            # What is being sent is sent: nobody could tell how much of it a cancelled send wrote.
            self._is_over = True
            self._news.set()
        if failure is not None:
            raise failure
        return found[0]

    async def _send_on(self) -> None:
        while not self._is_over:
            await self._news.wait()
            self._news = anyio.Event()
            done, total = self._latest
            if done > self._sent:
                self._sent = done
                await self._report(done, total)
