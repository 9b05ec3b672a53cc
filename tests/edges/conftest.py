"""The command line, run in this process on a store of its own."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from engram.__main__ import _open_tool_server, _serve_agent
from engram.adapters.local.server_file import ServerFile
from engram.admitting import make_keys
from engram.connecting import connect
from engram.edges.cli.app import run
from engram.edges.cli.machine import Finding, Machine, Servers, Tools
from engram.engine.checking import StoreReport
from engram.engine.repairing import Repair
from engram.ports import Clock, Tracer
from engram.service.store import Engram
from engram.serving import open_server
from engram.settings import Settings
from engram.testing.kernels.vectors import check_masks, check_ties
from engram.wiring import (
    open_backups,
    open_store,
    repair_space,
    verify_store,
)


class Answer(NamedTuple):
    """What one command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON value it must be."""
        return json.loads(self.out)


class CommandLine:
    """Runs command lines on one store; `machine` may be replaced before the next."""

    def __init__(self, path: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.path = path
        self.machine = Machine(
            _open_store,
            _diagnose,
            _verify_kernels,
            open_backups,
            _verify_store,
            _repair_space,
            Servers(
                partial(open_server, version="9.9.9"),
                lambda settings: ServerFile(settings.data_path),
                make_keys,
                lambda url, settings, _: connect(url, api_key=settings.api_key or None),
            ),
            Tools(_serve_agent, _open_tool_server),
        )
        self._capture = capture

    def __call__(self, *arguments: str, elsewhere: bool = False) -> Answer:
        """Run one command line with `--data` of this store, unless it goes elsewhere."""
        place = () if elsewhere else ("--data", str(self.path))
        self._capture.readouterr()
        code = run([*arguments, *place], self.machine, "9.9.9")
        return Answer(code, *self._capture.readouterr())

    def open_with(self, **parts: Any) -> None:
        """Let commands open the store with these parts instead of this machine's."""

        def opener(
            *, settings: Settings, clock: Clock | None = None, tracer: Tracer | None = None
        ) -> AbstractAsyncContextManager[Engram]:
            return open_store(settings=settings, **({"clock": clock, "tracer": tracer} | parts))

        self.machine = self.machine._replace(open_store=opener)


def _open_store(
    *, settings: Settings, clock: Clock | None = None, tracer: Tracer | None = None
) -> AbstractAsyncContextManager[Engram]:
    return open_store(settings=settings, clock=clock, tracer=tracer)


async def _verify_store(
    settings: Settings,
    *,
    spaces: Sequence[str] | None,
    progress: Callable[[str, int, int], None],
) -> StoreReport:
    return await verify_store(settings=settings, spaces=spaces, progress=progress)


async def _repair_space(settings: Settings, *, accept_loss: bool) -> Repair:
    return await repair_space(settings=settings, accept_loss=accept_loss)


def _diagnose(settings: Settings, space: str | None) -> AsyncIterator[Finding]:
    from engram.doctor import diagnose  # noqa: PLC0415 - as the program does

    return diagnose(settings, space)


def _verify_kernels(settings: Settings) -> Iterator[Finding]:
    from engram.doctor import verify_kernels  # noqa: PLC0415 - as the program does

    return verify_kernels(settings)


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """The command line on an empty store, 100 columns wide, on kernels every machine has."""
    for name in Settings.__struct_fields__:
        monkeypatch.delenv(f"ENGRAM_{name.upper()}", raising=False)
    # The whole suite has tests of its own; here it is shown that it is run, not that it passes.
    monkeypatch.setattr("engram.doctor.CHECKS", (check_ties, check_masks))
    monkeypatch.setenv("ENGRAM_KERNELS", "numpy")
    monkeypatch.setenv("COLUMNS", "100")
    return CommandLine(tmp_path / "store", capsys)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Set what the next command reads from standard input."""

    def give(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return give
