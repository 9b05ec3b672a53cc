"""Whole stores on a simulated disk, under a clock that stands: opened in a few milliseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from engram.engine.registry import SpaceRegistry
from engram.engine.store import Store
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.protocol import KernelBackend
from engram.model.ids import DEFAULT_SPACE
from engram.model.limits import HISTORY_RETENTION_SECONDS_DEFAULT
from engram.ports import Clock, Embedder
from engram.service.core import Core, Recovery
from engram.service.store import Engram
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.file_log import FileLog


@asynccontextmanager
async def simulated_store(
    filesystem: SimulatedFilesystem | None = None,
    *,
    embedder: Embedder | None = None,
    clock: Clock | None = None,
    kernels: KernelBackend | None = None,
    seed: int = 0,
    history_retention_ns: int = 10**9 * HISTORY_RETENTION_SECONDS_DEFAULT,
) -> AsyncIterator[Engram]:
    """Open a store on a simulated disk until the block is left; the same disk opens again.

    It is put together like a real one, of real parts; only disk, clock and chance are simulated.
    """
    disk, entropy = filesystem or SimulatedFilesystem(), SeededEntropy(seed)
    clock = clock or FakeClock()
    store = Store.open(disk, entropy, "simulated")
    opened: dict[str, FileLog] = {}

    async def make_log(space: str, directory: str) -> FileLog:
        log = await FileLog.open(
            disk,
            directory,
            store_id=store.store_id,
            space_id=space,
            entropy=entropy,
            clock=clock,
        )
        if directory == f"{space}/wal":
            opened[space] = log
        return log

    def recovery_of(space: str) -> Recovery:
        report = opened[space].recovery
        return Recovery(report.entries, report.cut_bytes, report.duration_ns / 1_000_000)

    try:
        async with anyio.create_task_group() as tasks:
            registry = SpaceRegistry(
                disk,
                clock,
                entropy,
                tasks,
                make_log,
                history_retention_ns=history_retention_ns,
            )
            core = Core(
                registry,
                kernels or NumpyBackend(),
                embedder,
                clock,
                entropy,
                recovery_of,
                lambda space: opened[space].size_bytes,
                store.store_id,
            )
            try:
                await registry.sweep()
                await registry.open(DEFAULT_SPACE, create=True)
                yield Engram("simulated", core)
            finally:
                await registry.aclose()
    finally:
        store.close()
