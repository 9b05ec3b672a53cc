"""Whole stores on a simulated disk, under a clock that stands: opened in a few milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

import anyio
from anyio import lowlevel

from engram.engine.background import NOTHING_UNASKED, Unasked
from engram.engine.housekeeping import Tiers
from engram.engine.opener import LogHints, Opener, Replay
from engram.engine.registry import SpaceRegistry
from engram.engine.segments import Segments
from engram.engine.store import Store
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.protocol import KernelBackend
from engram.model.capacities import Capacities
from engram.model.ids import DEFAULT_SPACE
from engram.model.limits import CHECKPOINT_LOG_BYTES_DEFAULT, HISTORY_RETENTION_SECONDS_DEFAULT
from engram.ports import Clock, Embedder
from engram.service.core import Core
from engram.service.store import Engram
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.file_log import FileLog
from engram.wal.writer import SegmentSizes

T = TypeVar("T")

SIZES: Final = SegmentSizes(first=8_192, longest=32_768, fill_step=8_192)


class HistoryClock(FakeClock):
    """Clock that only a history moves, so that tasks in the background change no time."""

    async def sleep_until(self, deadline: int) -> None:  # noqa: ARG002
        """Return at once: no time passes by itself."""
        await lowlevel.checkpoint()


def simulated_log() -> Callable[..., Awaitable[FileLog]]:
    """Return what opens a log whose file calls are all made in the calling task."""
    return partial(FileLog.open, inline=True, sizes=SIZES)


async def in_calling_task(call: Callable[[], T]) -> T:
    """Return what a blocking call returns: one thread, so that the same seed is the same story."""
    return call()


@asynccontextmanager
async def simulated_store(
    filesystem: SimulatedFilesystem | None = None,
    *,
    embedder: Embedder | None = None,
    clock: Clock | None = None,
    kernels: KernelBackend | None = None,
    seed: int = 0,
    checkpoint_log_bytes: int = CHECKPOINT_LOG_BYTES_DEFAULT,
    history_retention_ns: int = 10**9 * HISTORY_RETENTION_SECONDS_DEFAULT,
    memory_budget: int = 1 << 30,
    capacities: Capacities = Capacities(),  # noqa: B008 - immutable
    scrub_bytes_per_s: int = 0,
    unasked: Unasked = NOTHING_UNASKED,
    creates_on_write: bool = True,
) -> AsyncIterator[Engram]:
    """Open a store on a simulated disk until the block is left; the same disk opens again.

    It is put together like a real one, of real parts; only disk, clock and chance are simulated.
    """
    disk, entropy = filesystem or SimulatedFilesystem(), SeededEntropy(seed)
    clock = clock or FakeClock()
    store = Store.open(disk, entropy, "simulated")
    opened: dict[str, FileLog] = {}

    async def open_log(
        space: str, directory: str, hints: LogHints, replay: Replay | None = None
    ) -> tuple[FileLog, str]:
        log = await FileLog.open(
            disk,
            directory,
            store_id=store.store_id,
            space_id=space,
            entropy=entropy,
            clock=clock,
            durable_lsn=hints.durable_lsn,
            after=hints.after,
            replay=replay,
        )
        if directory == f"{space}/wal":
            opened[space] = log
        return log, log.recovery.sync_method

    try:
        async with anyio.create_task_group() as tasks:
            chosen = kernels or NumpyBackend()
            segments = Segments(disk)
            opener = Opener(disk, clock, store.store_id, open_log, segments.of)
            registry = SpaceRegistry(
                disk,
                clock,
                entropy,
                tasks,
                opener.open,
                Tiers(segments, memory_budget, lambda _: capacities, lambda: None),
                chosen,
                unasked=unasked,
                history_retention_ns=history_retention_ns,
                checkpoint_log_bytes=checkpoint_log_bytes,
                scrub_bytes_per_s=scrub_bytes_per_s,
            )
            core = Core(
                registry,
                chosen,
                embedder,
                clock,
                entropy,
                lambda space: opened[space].size_bytes,
                store.store_id,
                creates_on_write=creates_on_write,
            )
            try:
                await registry.sweep()
                await registry.open(DEFAULT_SPACE, create=True)
                yield Engram("simulated", core)
            finally:
                await registry.aclose()
    finally:
        store.close()
