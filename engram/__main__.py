"""`engram` and `python -m engram`: argv -> the parts of the house -> the command line."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from engram import __version__
from engram.edges.cli.app import run
from engram.edges.cli.machine import ANSWER_SECONDS_MAX, Finding, Machine, Servers, Tools

if TYPE_CHECKING:
    from engram.adapters.local.key_file import KeyFile
    from engram.adapters.local.server_file import ServerFile
    from engram.edges.client.store import RemoteEngram
    from engram.edges.http.server import HttpServer
    from engram.edges.mcp.http import ToolHttpServer
    from engram.engine.checking import StoreReport
    from engram.engine.repairing import Repair
    from engram.engine.store import Migration
    from engram.ports import Clock, Tracer
    from engram.service.backups import Backups
    from engram.service.store import Engram
    from engram.settings import Settings
    from engram.tooling import OpenStore as OpenToolStore


def _open_store(
    *, settings: Settings, clock: Clock | None = None, tracer: Tracer | None = None
) -> AbstractAsyncContextManager[Engram]:
    # Imported when a store is opened: numpy and the engine cost more than all of --help.
    from engram.wiring import open_store  # noqa: PLC0415

    return open_store(settings=settings, clock=clock, on_migration=_tell, tracer=tracer)


def _tell(migration: Migration) -> None:
    """Say on standard error how far a migration is; it may take long and must not look hung."""
    path, old, new, done, steps = migration
    sys.stderr.write(f"the store at {path} goes from format {old} to {new}: {done} of {steps}\n")


def _diagnose(settings: Settings, space: str | None) -> AsyncIterator[Finding]:
    from engram.doctor import diagnose  # noqa: PLC0415 - as above

    return diagnose(settings, space)


def _verify_kernels(settings: Settings) -> Iterator[Finding]:
    from engram.doctor import verify_kernels  # noqa: PLC0415 - as above

    return verify_kernels(settings)


def _open_backups(where: str) -> Backups:
    from engram.wiring import open_backups  # noqa: PLC0415 - as above

    return open_backups(where)


async def _verify_store(
    settings: Settings,
    *,
    spaces: Sequence[str] | None,
    progress: Callable[[str, int, int], None],
) -> StoreReport:
    from engram.wiring import verify_store  # noqa: PLC0415 - as above

    return await verify_store(settings=settings, spaces=spaces, progress=progress)


async def _repair_space(settings: Settings, *, accept_loss: bool) -> Repair:
    from engram.wiring import repair_space  # noqa: PLC0415 - as above

    return await repair_space(settings=settings, accept_loss=accept_loss)


def _open_server(settings: Settings) -> AbstractAsyncContextManager[HttpServer]:
    from engram.serving import open_server  # noqa: PLC0415 - as above

    return open_server(settings, __version__)


def _server_file(settings: Settings) -> ServerFile:
    from engram.adapters.local.server_file import ServerFile  # noqa: PLC0415 - as above

    return ServerFile(settings.data_path)


def _keys(settings: Settings) -> KeyFile:
    from engram.admitting import make_keys  # noqa: PLC0415 - as above

    return make_keys(settings)


def _connect(
    url: str, settings: Settings, tracer: Tracer | None = None
) -> AbstractAsyncContextManager[RemoteEngram]:
    from engram.connecting import connect_traced  # noqa: PLC0415 - as above

    # The server of this store shows what the settings name: that alone is trusted here.
    files = settings.tls_files if url.startswith("https:") else None
    authorities = None if files is None else files[0]
    return connect_traced(url, settings.api_key or None, ANSWER_SECONDS_MAX, tracer, authorities)


async def _serve_agent(settings: Settings, open_store: OpenToolStore) -> None:
    from engram.tooling import serve_agent  # noqa: PLC0415 - as above

    await serve_agent(settings, open_store, __version__)


def _open_tool_server(
    settings: Settings, open_store: OpenToolStore
) -> AbstractAsyncContextManager[ToolHttpServer]:
    from engram.tooling import open_tool_server  # noqa: PLC0415 - as above

    return open_tool_server(settings, open_store, __version__)


def _program() -> str:
    """Return what the user has to type to call this program again."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.orig_argv[0])} -m engram"
    found = shutil.which(called.name)
    if found is not None and Path(found).resolve() == called.resolve():
        return called.name
    return shlex.quote(sys.argv[0])


def main() -> int:
    """Run the command line of this process and return its exit code."""
    machine = Machine(
        _open_store,
        _diagnose,
        _verify_kernels,
        _open_backups,
        _verify_store,
        _repair_space,
        Servers(_open_server, _server_file, _keys, _connect),
        Tools(_serve_agent, _open_tool_server),
        _program(),
    )
    return run(sys.argv[1:], machine, __version__)


if __name__ == "__main__":
    sys.exit(main())
