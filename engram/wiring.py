"""The composition root: the one place that names adapters and puts an open store together."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from engram.adapters.archives.opening import open_archive
from engram.adapters.embedders.loading import load_embedder
from engram.adapters.local.clock import SystemClock
from engram.adapters.local.durable_writers import make_durable_writers
from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.local.filesystem import LocalFilesystem
from engram.adapters.local.machine import (
    LEAN_BYTES,
    give_back,
    memory_budget_default,
    take_blocks_from_system,
)
from engram.adapters.local.memory_ahead import provide
from engram.adapters.traces.opening import open_tracer
from engram.backup.log_archive import LogArchive
from engram.backup.repository import Repository
from engram.engine.background import Unasked
from engram.engine.checking import StoreReport
from engram.engine.checking import repair_space as repair_files
from engram.engine.checking import verify_store as verify_files
from engram.engine.housekeeping import Tiers
from engram.engine.opener import LogHints, Opener, Replay
from engram.engine.registry import SpaceRegistry
from engram.engine.repairing import Repair
from engram.engine.replay import RunBlocking, in_thread
from engram.engine.segments import Segments
from engram.engine.store import OnMigration, Store
from engram.kernels.selection import make_kernels
from engram.kernels.traced import traced_kernels
from engram.model.errors import EngramError
from engram.model.ids import DEFAULT_SPACE
from engram.ports import Clock, DurableWriters, Embedder, Entropy, Filesystem, SyncMethod, Tracer
from engram.service.backups import Backups
from engram.service.core import Core
from engram.service.creating import NewSpaces
from engram.service.store import Engram
from engram.service.traced import traced_embedder
from engram.settings import Settings, expanded, load_settings
from engram.storage.ahead import in_no_thread, in_threads
from engram.wal.file_log import FileLog
from engram.wal.limits import DURABLE_WRITERS
from engram.wal.protocol import Log
from engram.wal.threads import AppenderThreads

# Says "what the settings name"; None means no embedder at all.
FROM_SETTINGS: Final = "from settings"

# Called as `FileLog.open` is; a simulation passes one that writes in the calling task.
OpenLog = Callable[..., Awaitable[FileLog]]


@asynccontextmanager
async def _beside(filesystem: Filesystem, tasks: TaskGroup) -> AsyncIterator[DurableWriters | None]:
    """Lend what makes writes durable beside the event loop, None where there is no such thing."""
    local = isinstance(filesystem, LocalFilesystem)
    writers = make_durable_writers(DURABLE_WRITERS) if local else None
    if writers is not None and writers.needs_run:
        tasks.start_soon(writers.run, name="ends of durable writes")
    try:
        yield writers
    finally:
        if writers is not None:
            writers.close()


class _Logs:
    """Opens the log of each space and remembers it."""

    def __init__(
        self,
        open_log: OpenLog,
        filesystem: Filesystem,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        threads: AppenderThreads,
        writers: DurableWriters | None,
        archive: LogArchive | None,
    ) -> None:
        self._archive, self._writers = archive, writers
        self._open_log, self._filesystem, self._store = open_log, filesystem, store
        self._clock, self._entropy = clock, entropy
        self._opened: dict[str, FileLog] = {}
        self._threads = threads
        self._sync_method: SyncMethod | None = None

    async def open(
        self, space: str, directory: str, hints: LogHints, replay: Replay | None = None
    ) -> tuple[Log, str]:
        methods = self._filesystem.sync_methods
        remembered = next((method for method in methods if method == hints.remembered), None)
        log = await self._open_log(
            self._filesystem,
            directory,
            store_id=self._store.store_id,
            space_id=space,
            entropy=self._entropy,
            clock=self._clock,
            threads=self._threads,
            writers=self._writers,
            durable_lsn=hints.durable_lsn,
            after=hints.after,
            replay=replay,
            sync_method=remembered or self._sync_method,
        )
        self._sync_method = log.recovery.sync_method
        if directory == f"{space}/wal":
            self._opened[space] = log
            if self._archive is not None:
                log.on_trim = partial(self._archive.keep, space)
        return log, log.recovery.sync_method

    def log_bytes_of(self, space: str) -> int:
        return self._opened[space].size_bytes


def make_embedder(settings: Settings, wanted: Embedder | str | None) -> Embedder | None:
    """Return the embedder asked for: an object as it is, a name loaded, None for none."""
    if wanted is not None and not isinstance(wanted, str):
        return wanted
    name = settings.embedder if wanted == FROM_SETTINGS else wanted
    if name is None or name == "none":
        return None
    return load_embedder(
        name,
        base_url=settings.embedder_url or None,
        api_key=settings.embedder_api_key or None,
    )


def open_backups(
    location: str | os.PathLike[str], *, clock: Clock | None = None, entropy: Entropy | None = None
) -> Backups:
    """Return the place for backups at a directory or an fsspec URL such as `s3://bucket/folder`.

    Nothing is made or read yet. Raises InvalidRequest when the URL's kind is unknown or its package
    is not installed.
    """
    entropy = entropy or SystemEntropy()
    archive = open_archive(os.fspath(location), entropy)
    return Backups(Repository(archive, clock or SystemClock(), entropy))


async def verify_store(
    path: str | os.PathLike[str] | None = None,
    *,
    spaces: Sequence[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    settings: Settings | None = None,
) -> StoreReport:
    """Read a store again that nobody has open, and say all that is damaged; changes nothing.

    Args:
        path: the store's directory; left out, the data root of the settings.
        spaces: those to be read; None for all.
        progress: called with (space, bytes done, bytes in all).
        settings: left out, read from the environment.

    Raises:
        InvalidRequest: there is no store.
        SpaceNotFound: there is no such space.
        StoreInUse: another process holds the store; there, `Engram.verify` does it.
        StoreTooNew: a later release wrote it.
        LogCorrupted: neither STORE nor any log tells whose the files are.
        StorageFailed: the directories cannot be read.
    """
    settings = settings or load_settings()
    root = str(settings.data_path if path is None else expanded(path))
    return await verify_files(
        LocalFilesystem(root), SystemClock(), root, spaces=spaces, progress=progress
    )


async def repair_space(
    path: str | os.PathLike[str] | None = None,
    space: str | None = None,
    *,
    accept_loss: bool = False,
    settings: Settings | None = None,
) -> Repair:
    """Make a damaged space usable again; without `accept_loss` only say what would be given up.

    Args:
        path: the store's directory; left out, the data root of the settings.
        space: which one; left out, that of the settings.
        accept_loss: do it.
        settings: left out, read from the environment.

    Raises:
        InvalidRequest: there is no store.
        SpaceNotFound: there is no such space.
        StoreInUse: another process holds the store.
        StoreTooNew: a later release wrote it.
        FileCorrupted: nothing is left of the space that could be opened; nothing was changed.
        LogCorrupted: neither STORE nor any log tells whose the files are.
        StorageFailed: the medium refused; repairing again goes on.
    """
    settings = settings or load_settings()
    root = str(settings.data_path if path is None else expanded(path))
    return await repair_files(
        LocalFilesystem(root),
        SystemClock(),
        SystemEntropy(),
        root,
        space or settings.memory_space,
        accept_loss=accept_loss,
    )


def make_tiers(settings: Settings, filesystem: Filesystem) -> Tiers:
    """Return what the store has for its bodies: where segments are, and how much RAM."""
    budget = settings.memory_budget or memory_budget_default()
    is_lean = budget < LEAN_BYTES
    if is_lean:
        take_blocks_from_system()
    ahead = None if is_lean else provide
    sizes = settings.capacities_of, give_back, ahead, settings.quotas_of
    return Tiers(Segments(filesystem), budget, *sizes)


def _archives(settings: Settings, clock: Clock, entropy: Entropy) -> list[Repository]:
    """Return where copies of what the logs let go are kept, by the settings: one place or none."""
    if not settings.archive:
        return []
    return [Repository(open_archive(settings.archive, entropy), clock, entropy)]


async def _settings_in(config: str | os.PathLike[str] | bool | None) -> Settings:
    """Return what the environment says, over what a file says where one was asked for."""
    if not config:
        return load_settings()
    from engram.config.loading import load_configuration  # noqa: PLC0415 - seldom asked for

    file = None if config is True else config
    return (await anyio.to_thread.run_sync(load_configuration, file)).settings


@asynccontextmanager
async def open_store(
    path: str | os.PathLike[str] | None = None,
    *,
    embedder: Embedder | str | None = FROM_SETTINGS,
    kernels: str | None = None,
    settings: Settings | None = None,
    config: str | os.PathLike[str] | bool | None = None,
    filesystem: Filesystem | None = None,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    open_log: OpenLog = FileLog.open,
    run_blocking: RunBlocking = in_thread,
    on_migration: OnMigration | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[Engram]:
    """Open the store at `path`, or make one there, until the block is left.

    Args:
        path: the store's directory; left out, the data root of the settings.
        embedder: an Embedder, the name of one, or None to compare words and given vectors only;
            left out, what the settings name.
        kernels: auto, zig, numpy or shadow; left out, what the settings name.
        settings: left out, read from the environment.
        config: a configuration file that says what the environment does not, or True for the one
            that the command line reads; left out, no file is read.
        filesystem: where bytes go; left out, this machine's disk.
        clock: tells the time; left out, this machine's clocks.
        entropy: the source of chance; left out, the operating system's.
        open_log: opens the log of a space; left out, `FileLog.open`.
        run_blocking: where snapshots are read and written; left out, a worker thread.
        on_migration: told, in a worker thread, how far a store of an older format is on its way.
        tracer: measures the verbs and what they take; left out, as the settings say.

    Raises:
        InvalidRequest: a setting is not one, `config` is not a file of settings, or traces are
            asked for and OpenTelemetry is not installed.
        StoreInUse: another process holds the store.
        StoreTooNew, LogCorrupted, StorageFailed: the store cannot be opened.
        BackendUnavailable, EmbedderUnavailable: what was asked for by name is not there.
    """
    settings = settings or await _settings_in(config)
    root = str(settings.data_path if path is None else expanded(path))
    filesystem = filesystem or LocalFilesystem(root)
    clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
    chosen, backend = make_embedder(settings, embedder), make_kernels(settings, kernels)
    store = await anyio.to_thread.run_sync(Store.open, filesystem, entropy, root, on_migration)
    threads = AppenderThreads()
    failure: BaseException | None = None
    try:
        async with (
            _tracer_in(settings, tracer) as tracing,
            anyio.create_task_group() as tasks,
            _beside(filesystem, tasks) as writers,
        ):
            backend, chosen = traced_kernels(backend, tracing), traced_embedder(chosen, tracing)
            archives = _archives(settings, clock, entropy)
            archive = LogArchive(archives[0], store.store_id) if archives else None
            logs = _Logs(open_log, filesystem, store, clock, entropy, threads, writers, archive)
            tiers = make_tiers(settings, filesystem)
            helpers = in_threads if run_blocking is in_thread else in_no_thread
            ways = logs.open, tiers.segments.of, run_blocking, helpers
            opener = Opener(filesystem, clock, store.store_id, *ways)
            registry = SpaceRegistry(
                filesystem,
                clock,
                entropy,
                tasks,
                opener.open,
                tiers,
                backend,
                unasked=Unasked(settings.linker, settings.consolidation),
                history_retention_ns=10**9 * settings.history_retention,
                checkpoint_log_bytes=settings.checkpoint_log_bytes,
                scrub_bytes_per_s=settings.scrub_bytes_per_s,
                run=run_blocking,
                tracer=tracing,
            )
            facts = entropy, logs.log_bytes_of, store.store_id, archives
            limits = _limits_of(settings, clock)
            core = Core(registry, backend, chosen, clock, *facts, *limits, tracing)
            try:
                await registry.sweep()
                if not await registry.exists(DEFAULT_SPACE):
                    await registry.create(DEFAULT_SPACE)
                yield Engram(root, core)
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:  # noqa: BLE001 - raised again below, outside the group
                failure = error
            finally:
                try:
                    await registry.aclose()
                except EngramError as error:
                    failure = failure or error
    finally:
        threads.close()  # every log is closed by now, so they have nothing left to do
        store.close()
    if failure is not None:
        # Out here the caller meets its own exception and not a group of one.
        raise failure


def _tracer_in(
    settings: Settings, tracer: Tracer | None
) -> AbstractAsyncContextManager[Tracer | None]:
    """Lend a tracer that is given, else what the settings name."""
    return open_tracer(settings.traces) if tracer is None else nullcontext(tracer)


def _limits_of(settings: Settings, clock: Clock) -> tuple[float, bool, NewSpaces]:
    """Return what a statement may cost, whether a write creates its space, and how many it may."""
    bounds = NewSpaces(clock, settings.spaces_max, settings.spaces_per_caller)
    return settings.query_budget_ms, settings.create_on_write, bounds
