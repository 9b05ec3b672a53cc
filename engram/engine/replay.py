"""Applies the records of a log to a state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

import anyio.to_thread

from engram.model.errors import Conflict
from engram.model.events import decode
from engram.state.apply import apply
from engram.state.space import SpaceState
from engram.wal.protocol import Log, Record

T = TypeVar("T")

# 8 MiB of records between two returns to the event loop: some 10 ms of work.
_REPLAY_BYTES: Final = 8 << 20


class RunBlocking(Protocol):
    """Runs a blocking call away from the event loop; a simulation runs it in the calling task."""

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]:
        """Return what the call returns, or raise what it raises."""


async def in_thread(call: Callable[[], T]) -> T:
    """Return what a blocking call returns, run in a worker thread."""
    return await anyio.to_thread.run_sync(call)


class Replayer:
    """Applies records to a state as they come, and counts them."""

    def __init__(self, state: SpaceState) -> None:
        self.state = state
        self.entries = 0
        self.bytes_count = 0
        self.found_gap = False

    def apply(self, records: Sequence[Record]) -> None:
        """Apply records that follow the state's LSN; blocking, in one thread at a time.

        Raises:
            Conflict: there is a gap before them.
        """
        for lsn, kind, _, payload in records:
            if lsn != self.state.lsn + 1:
                self.found_gap = True
                raise Conflict(
                    f"LSN {self.state.lsn + 1} to {lsn - 1} are no longer in the log; start from "
                    "a snapshot"
                )
            event, vectors = decode(kind, payload)
            apply(self.state, event, vectors, lsn)
            self.bytes_count += len(payload)
        self.entries += len(records)


async def recover(log: Log) -> SpaceState:
    """Return the state that the log's durable records lead to, from the first one on."""
    state = SpaceState()
    await replay(state, log)
    return state


async def replay(state: SpaceState, log: Log, run: RunBlocking = in_thread) -> None:
    """Apply the log's durable records after the state's LSN.

    Raises:
        Conflict: some of them were trimmed away.
        LogCorrupted: a stored record is damaged.
        StorageFailed: the medium cannot be read.
    """
    replayer = Replayer(state)
    batch: list[Record] = []
    waiting_bytes = 0
    async for record in log.read(state.lsn):
        batch.append(record)
        waiting_bytes += len(record.payload)
        if waiting_bytes >= _REPLAY_BYTES:
            await run(partial(replayer.apply, batch))
            batch, waiting_bytes = [], 0
    await run(partial(replayer.apply, batch))
