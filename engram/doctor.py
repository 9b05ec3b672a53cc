"""`engram doctor`: what this machine really offers, one line a check, with the remedy.

Every check is measured or tried here and now. A check that fails says so and the next one runs.
"""

from __future__ import annotations

import platform
import shutil
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio.to_thread

from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.local.filesystem import LocalFilesystem, LocalHandle
from engram.edges.cli.machine import Finding
from engram.engine.store import STORE_FILE
from engram.kernels._zig_bindings import ABI_VERSION
from engram.kernels.protocol import KernelBackend
from engram.kernels.selection import make_kernels
from engram.kernels.shadow import ShadowBackend
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path
from engram.model.errors import (
    BackendUnavailable,
    EngramError,
    SpaceNotFound,
    StoreInUse,
)
from engram.model.memory import SpaceInfo
from engram.service.store import Engram
from engram.settings import Settings
from engram.testing.kernels.suite import CHECKS
from engram.wiring import FROM_SETTINGS, make_embedder, open_store

_PYTHON_MIN: Final = (3, 11)
# 4 KiB, the least a commit group writes (docs/formats), 21 times: the median then is stable to a
# tenth on a quiet disk, and the check stays below a second on a disk that needs 40 ms a sync.
_PROBE_BYTES: Final = 4096
_PROBE_COUNT: Final = 21
_PROBE_TOKEN_BYTES: Final = 8
# Above 50 ms a sync a lone write is felt by a person who waits for it.
_SYNC_MS_MAX: Final = 50.0
# A segment of the log must fit; below a gigabyte it is time to look.
_FREE_BYTES_MIN: Final = 64 << 20
_FREE_BYTES_WARN: Final = 1 << 30
_NUMPY_REMEDY: Final = (
    "set ENGRAM_KERNELS=numpy and report this with the output of `engram kernels --verify --json`"
)
_MEBIBYTE: Final = 1 << 20
_GIBIBYTE: Final = 1 << 30


async def diagnose(settings: Settings, space: str | None = None) -> AsyncIterator[Finding]:
    """Yield one finding a check, in the order a broken machine is repaired.

    Args:
        settings: which data root, kernels and embedder are looked at.
        space: only this memory space is opened; left out, all are.
    """
    yield _python()
    yield _numpy()
    yield _zig()
    for check in (_kernels, _data_root, _free_space, _sync_latency):
        yield await anyio.to_thread.run_sync(check, settings)
    yield await _embedder(settings)
    async for finding in _spaces(settings, space):
        yield finding


def _python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= _PYTHON_MIN:
        return Finding("python", "ok", text)
    return Finding("python", "fail", text, "install Python 3.11 or newer")


def _numpy() -> Finding:
    import numpy as np  # noqa: PLC0415 - a machine without it is told so

    return Finding("numpy", "ok", np.__version__)


def _zig() -> Finding:
    try:
        backend = ZigBackend()
    except BackendUnavailable as error:
        return Finding(
            "zig library",
            "warn",
            f"not used: {error.reason}",
            "the numpy kernels work, slower; build the library with `make kernels`",
        )
    levels = ", ".join(backend.isa_levels)
    return Finding("zig library", "ok", f"ABI {ABI_VERSION}, levels {levels}, {library_path()}")


def _kernels(settings: Settings) -> Finding:
    try:
        backend = make_kernels(settings)
    except EngramError as error:
        return Finding("kernels", "fail", str(error))
    return _conformance(backend)


def _conformance(backend: KernelBackend) -> Finding:
    started = time.perf_counter()
    for finding in _verified(backend):
        if finding.state == "fail":
            return finding._replace(check="kernels")
    seconds = time.perf_counter() - started
    return Finding(
        "kernels",
        "ok",
        f"{backend.name} ({backend.isa}) passed the conformance suite in {seconds:.1f} s",
    )


def verify_kernels(settings: Settings) -> Iterator[Finding]:
    """Yield one finding for each check of the conformance suite, run on the kernels in force.

    BackendUnavailable when they are not there.
    """
    backend = make_kernels(settings)
    yield from _verified(backend)
    if isinstance(backend, ShadowBackend):
        yield _shadow(backend)


def _shadow(backend: ShadowBackend) -> Finding:
    backend.wait_checked()
    stats = backend.stats()
    text = f"{stats.checked:,} of {stats.calls:,} calls were compared with numpy"
    if stats.differences:
        return Finding("shadow", "fail", f"{text}, {stats.differences:,} differ", _NUMPY_REMEDY)
    return Finding("shadow", "ok", f"{text}, none differs")


def _verified(backend: KernelBackend) -> Iterator[Finding]:
    for check in CHECKS:
        family = check.__module__.rpartition(".")[2]
        name = check.__name__.removeprefix("check_").replace("_", " ")
        started = time.perf_counter()
        try:
            check(backend)
        except EngramError as error:
            yield Finding(
                family,
                "fail",
                f"{name}: {backend.name} ({backend.isa}) computes wrongly here: {error}",
                _NUMPY_REMEDY,
            )
        else:
            yield Finding(family, "ok", f"{name} ({time.perf_counter() - started:.2f} s)")


def _data_root(settings: Settings) -> Finding:
    root = settings.data_path
    try:
        with _probe_file(root):
            pass
    except EngramError as error:
        return Finding("data root", "fail", str(error), "or choose another: ENGRAM_DATA_ROOT")
    return Finding(
        "data root",
        "ok",
        f"{root} is writable" if root.exists() else f"{root} can be made; nothing is there yet",
    )


@contextmanager
def _probe_file(root: Path) -> Iterator[tuple[LocalFilesystem, LocalHandle]]:
    """Lend a fresh file on the disk of `root` and remove it again."""
    filesystem = LocalFilesystem(_existing(root))
    # A leading dot: stores take no notice of such names.
    name = f".engram-doctor-{SystemEntropy().token(_PROBE_TOKEN_BYTES).hex()}"
    handle = filesystem.create_exclusive(name)
    try:
        yield filesystem, handle
    finally:
        handle.close()
        filesystem.remove(name)


def _existing(path: Path) -> Path:
    """Return the path, or the nearest above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _free_space(settings: Settings) -> Finding:
    usage = shutil.disk_usage(_existing(settings.data_path))
    text = f"{usage.free / _GIBIBYTE:,.1f} GiB of {usage.total / _GIBIBYTE:,.1f} GiB"
    remedy = "free space, or choose another disk: ENGRAM_DATA_ROOT"
    if usage.free < _FREE_BYTES_MIN:
        return Finding("free space", "fail", text, remedy)
    if usage.free < _FREE_BYTES_WARN:
        return Finding("free space", "warn", text, remedy)
    return Finding("free space", "ok", text)


def _sync_latency(settings: Settings) -> Finding:
    try:
        with _probe_file(settings.data_path) as (filesystem, handle):
            latency_ms = statistics.median(
                _write_and_sync_ms(filesystem, handle, number) for number in range(_PROBE_COUNT)
            )
    except EngramError as error:
        return Finding("disk sync", "fail", str(error))
    text = (
        f"{latency_ms:.2f} ms for {_PROBE_BYTES // 1024} KiB written and synced "
        f"(median of {_PROBE_COUNT})"
    )
    if latency_ms > _SYNC_MS_MAX:
        return Finding(
            "disk sync",
            "warn",
            text,
            "a lone durable write takes at least this long; remember_many shares one sync",
        )
    return Finding("disk sync", "ok", text)


def _write_and_sync_ms(filesystem: LocalFilesystem, handle: LocalHandle, number: int) -> float:
    started = time.perf_counter()
    filesystem.write_at(handle, number * _PROBE_BYTES, [bytes(_PROBE_BYTES)])
    filesystem.sync(handle)
    return (time.perf_counter() - started) * 1_000


async def _embedder(settings: Settings) -> Finding:
    started = time.perf_counter()
    try:
        embedder = make_embedder(settings, FROM_SETTINGS)
        if embedder is None:
            return Finding("embedder", "ok", "none; memories are found by words and given vectors")
        await embedder.embed(["Ada Lovelace met Charles Babbage in June 1833."])
    except EngramError as error:
        return Finding("embedder", "fail", str(error), "or choose another: ENGRAM_EMBEDDER=static")
    seconds = time.perf_counter() - started
    return Finding(
        "embedder",
        "ok",
        f"{embedder.identity}, {embedder.dimensions} dimensions, first text in {seconds:.2f} s",
    )


async def _spaces(settings: Settings, wanted: str | None) -> AsyncIterator[Finding]:
    root = settings.data_path
    if not (root / STORE_FILE).exists():
        yield Finding("store", "ok", f"there is none at {root} yet; the first write makes it")
        return
    try:
        # Without an embedder: whether it loads was checked, and damage shows without it.
        async with open_store(settings=settings, embedder=None, kernels="numpy") as db:
            yield Finding("store", "ok", f"{root} opens, and no other process holds it")
            spaces = await db.spaces()
            if wanted is not None:
                spaces = [info for info in spaces if info.id == wanted]
                if not spaces:
                    yield Finding("space", "fail", str(SpaceNotFound(wanted)))
            for info in spaces:
                yield await _space(db, info)
    except StoreInUse as error:
        yield Finding(
            "store", "warn", str(error), "its spaces were not looked at; stop that process first"
        )
    except EngramError as error:
        yield Finding("store", "fail", str(error))


async def _space(db: Engram, info: SpaceInfo) -> Finding:
    if info.reason is not None:
        return Finding("space", "fail", f"{info.id}: {info.reason}")
    stats = await (await db.space(info.id)).stats()
    notes = [*stats.recovery_notes, *([stats.checkpoint_error] if stats.checkpoint_error else [])]
    snapshot = f"snapshot at LSN {stats.checkpoint_lsn}, " if stats.checkpoint_lsn else ""
    return Finding(
        "space",
        "warn" if notes else "ok",
        f"{info.id}: {stats.memories:,} memories, {stats.concepts:,} concepts, "
        f"{stats.with_vectors:,} vectors of "
        f"{stats.embedder or 'no embedder'}; log {stats.log_bytes / _MEBIBYTE:,.1f} MiB, "
        f"{snapshot}{stats.recovered_entries:,} entries recovered in {stats.recovery_ms:,.1f} ms",
        "; ".join(notes),
    )
