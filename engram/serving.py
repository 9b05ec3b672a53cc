"""Puts a server together: an open store, who is let in, and where it listens."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.local.machine import allow_open_files
from engram.adapters.local.server_file import ServerFile
from engram.admitting import names_of, open_checks
from engram.backup.repository import Repository
from engram.edges.http.guard import Guard
from engram.edges.http.server import HttpServer
from engram.model.errors import InvalidRequest
from engram.ports import ArchiveStore
from engram.service.admission import Admission
from engram.service.backups import Backups
from engram.service.durations import Durations
from engram.service.store import Engram
from engram.service.telemetry import RequestLogger
from engram.service.transfers import Transfers
from engram.service.wire.tls import Tls, read_tls
from engram.settings import Settings
from engram.wiring import open_backups, open_store

if TYPE_CHECKING:
    from engram.edges.grpc.server import GrpcServer

_LOGGER: Final = logging.getLogger("engram.grpc")

# Of the name that a server gives its requests: no two processes get the same.
_NAME_BYTES: Final = 4

# Where an archive is kept until all of it is there; no space, for it begins with a dot.
_INCOMING: Final = ".incoming-"


@asynccontextmanager
async def open_server(settings: Settings, version: str) -> AsyncIterator[HttpServer]:
    """Open the store of the settings and bind the server that serves it, until the block is left.

    What it and all loggers of the process say meanwhile goes to standard error, as the settings
    have it. While it is open, `ServerFile` finds it. Its `run` serves; it needs asyncio.

    Raises:
        InvalidRequest: the address cannot be listened on.
        What `open_store` and `open_guard` raise.
    """
    # Takes 0.1 s to import, and whoever only makes keys needs none of it.
    from engram.adapters.loggers.structured import structured_loggers  # noqa: PLC0415

    tls = await _tls_of(settings)
    allow_open_files()  # streams alone may take 4,096
    file = ServerFile(settings.data_path)
    said = settings.log_format, settings.log_level, sys.stderr, SystemClock()
    with structured_loggers(*said) as logger:
        async with open_store(settings=settings) as db, open_checks(settings) as checks:
            name = SystemEntropy().token(_NAME_BYTES).hex()
            durations = Durations()
            admission = Admission(SystemClock(), *checks)
            more = admission, durations, logger, tls
            grpc = await _grpc_server(settings, db, (version, name), *more)
            place = settings.http_host, settings.http_port, SystemClock()
            guard = Guard(SystemClock(), *checks, names_of(settings))
            transfers = await make_transfers(db, settings.data_path)
            server = HttpServer(
                *(db, version, name, *place, guard, transfers, logger, durations, grpc, tls)
            )
            await anyio.to_thread.run_sync(file.write, server.url, server.grpc_url)
            try:
                yield server
            finally:
                file.remove()


async def _tls_of(settings: Settings) -> Tls | None:
    """Return what the settings let a server show; InvalidRequest when it cannot be used."""
    files = settings.tls_files
    return None if files is None else await anyio.to_thread.run_sync(read_tls, *files)


async def _grpc_server(
    settings: Settings,
    db: Engram,
    names: tuple[str, str],
    admission: Admission,
    durations: Durations,
    logger: RequestLogger | None,
    tls: Tls | None,
) -> GrpcServer | None:
    """Return a server of gRPC that is bound; None where the settings want none, or may go without.

    Raises InvalidRequest when they want one, and it cannot be had.
    """
    if settings.grpc == "off":
        return None
    is_wanted = settings.grpc == "on"
    try:
        # An extra, and slow to load.
        from engram.edges.grpc.server import GrpcServer  # noqa: PLC0415
    except ImportError as error:
        if is_wanted:
            raise InvalidRequest(
                f"gRPC is not installed: pip install 'engram-memory-engine[grpc]' ({error})"
            ) from error
        return None
    version, name = names
    place = settings.http_host, settings.grpc_port, SystemClock()
    server = GrpcServer(db, version, name, *place, admission, durations, logger, tls)
    try:
        await server.bind()
    except InvalidRequest as error:
        if is_wanted:
            raise
        _LOGGER.warning("gRPC is not served: %s", error)
        return None
    return server


@asynccontextmanager
async def open_guard(settings: Settings) -> AsyncIterator[Guard]:
    """Open what the settings say about who is let in, how often, and what is written down of it.

    Raises StorageFailed when the audit cannot be opened.
    """
    async with open_checks(settings) as checks:
        yield Guard(SystemClock(), *checks, names_of(settings))


async def make_transfers(db: Engram, root: Path) -> Transfers:
    """Return what carries backups of an open store; what a killed server left over is removed."""
    await anyio.to_thread.run_sync(_remove_all, root)

    def keep(archive: ArchiveStore) -> Backups:
        return Backups(Repository(archive, SystemClock(), SystemEntropy()))

    @asynccontextmanager
    async def stage() -> AsyncIterator[Backups]:
        place = root / f"{_INCOMING}{SystemEntropy().token(_NAME_BYTES).hex()}"
        try:
            yield open_backups(place)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(shutil.rmtree, place, ignore_errors=True))

    return Transfers(db, keep, stage)


def _remove_all(root: Path) -> None:
    """Remove what killed servers left over in a store's directory."""
    for each in root.glob(f"{_INCOMING}*"):
        shutil.rmtree(each, ignore_errors=True)
