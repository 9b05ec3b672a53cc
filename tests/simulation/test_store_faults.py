from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import google_crc32c
import pytest

import engram
from engram.engine.store import FORMAT_VERSION
from engram.model.errors import (
    DurabilityError,
    LogCorrupted,
    LogPoisoned,
    StorageFailed,
    StoreInUse,
    StoreTooNew,
)
from engram.settings import Settings
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import in_calling_task, simulated_log
from engram.wiring import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from engram.service.store import Engram

SPACES = ("default", "other")
REMEDIES = ("disk", "space", "restore", "reopen", "injected", "crash()")


def _opened(filesystem: SimulatedFilesystem) -> AbstractAsyncContextManager[Engram]:
    return open_store(
        "simulated",
        settings=Settings(scrub_bytes_per_s=0, linker=False, consolidation=False),
        embedder=None,
        kernels="numpy",
        filesystem=filesystem,
        clock=FakeClock(),
        entropy=SeededEntropy(1),
        open_log=simulated_log(),
        run_blocking=in_calling_task,
    )


class _Work:
    """A short workload in two spaces; notes what was acknowledged and what failed."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.failures: list[tuple[str, DurabilityError]] = []
        self.served_after_failure = False

    async def run(self, filesystem: SimulatedFilesystem) -> None:
        try:
            async with _opened(filesystem) as store:
                for step in range(3):
                    for name in SPACES:
                        await self._write(store, name, f"memory {step} of {name}")
        except DurabilityError as error:
            self.failures.append(("store", error))

    async def _write(self, store: Engram, name: str, text: str) -> None:
        try:
            done = await (await store.space(name)).remember(text, tags=["t"])
        except DurabilityError as error:
            self.failures.append((name, error))
        else:
            self.kept[name, done.id] = text
            self.served_after_failure |= bool(self.failures)

    async def check_kept(self, filesystem: SimulatedFilesystem) -> None:
        async with _opened(filesystem) as store:
            for (name, memory_id), text in self.kept.items():
                memory = await (await store.space(name)).get(memory_id)
                assert (memory.content, memory.tags) == (text, ("t",))
            for name in SPACES:
                await (await store.space(name)).remember("it serves again")


def _calls_of_workload() -> int:
    filesystem = SimulatedFilesystem()
    anyio.run(_Work().run, filesystem)
    return filesystem.call_count


CALLS = _calls_of_workload()


@pytest.mark.parametrize("fault", ["EIO", "ENOSPC", "short"])
@pytest.mark.parametrize("keep_all", [True, False])
def test_failing_any_one_call_is_said_and_loses_nothing_and_stops_no_other_space(
    fault: str, *, keep_all: bool
) -> None:
    async def run() -> int:
        served = 0
        for number in range(1, CALLS + 1):
            work = _Work()
            filesystem = SimulatedFilesystem(number, _fail_at(number, fault))
            await work.run(filesystem)
            for where, error in work.failures:
                assert any(word in str(error) for word in REMEDIES), (where, str(error))
            spaces = {name for name, _ in work.failures if name != "store"}
            assert len(spaces) <= 1
            served += work.served_after_failure
            filesystem.plan = None
            filesystem.crash(keep_all=keep_all)
            await work.check_kept(filesystem)
        return served

    assert anyio.run(run) > 0


def _fail_at(number: int, fault: str) -> Callable[[int, str], str | None]:
    return lambda call, _: fault if call == number else None


async def _dropped(filesystem: SimulatedFilesystem) -> None:
    with contextlib.suppress(DurabilityError):
        async with _opened(filesystem) as store:
            await store.drop_space("other")


async def _killed_then_cut_off(kill_at: int, cut_at: int, seed: int) -> None:
    """Kill a drop at one call, cut the next start's power at another, and look."""
    filesystem, work = SimulatedFilesystem(seed), _Work()
    await work.run(filesystem)
    filesystem.plan = _fail_at(filesystem.call_count + kill_at, "power")
    await _dropped(filesystem)
    filesystem.plan = None
    filesystem.crash(keep_all=True)
    filesystem.plan = _fail_at(filesystem.call_count + cut_at, "power")
    with contextlib.suppress(DurabilityError):
        async with _opened(filesystem):
            pass
    filesystem.plan = None
    filesystem.crash()
    async with _opened(filesystem) as store:
        infos = {info.id: info for info in await store.spaces()}
    assert {info.phase for info in infos.values()} == {"ready"}
    assert infos["default"].memories == 3
    assert "other" not in infos or infos["other"].memories == 3


def test_a_drop_that_is_killed_and_then_loses_power_happened_whole_or_not_at_all() -> None:
    async def run() -> None:
        for kill_at in range(1, 4):
            for cut_at in range(1, 9):
                for seed in range(25):
                    await _killed_then_cut_off(kill_at, cut_at, seed)

    anyio.run(run)


@pytest.mark.anyio
async def test_a_full_disk_refuses_the_write_and_room_brings_the_space_back() -> None:
    filesystem, work = SimulatedFilesystem(), _Work()
    await work.run(filesystem)
    async with _opened(filesystem) as store:
        space = await store.space()
        filesystem.plan = lambda _, what: "ENOSPC" if what in {"write", "create"} else None
        with pytest.raises(LogPoisoned, match=r"No space left on device.*close and reopen"):
            await space.remember("there is no room for this")
        filesystem.plan = None
        with pytest.raises(LogPoisoned):
            await space.remember("refused until it is reopened")
        await (await store.space("other")).remember("the other space serves")
    await work.check_kept(filesystem)


def _run_child(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


FILLED_UP = """
import resource, sys
import anyio, engram
from engram.model.errors import LogPoisoned

async def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    async with engram.open(sys.argv[1], embedder=None) as db:
        space = await db.space()
        try:
            for number in range(100):
                done = await space.remember(f"{number} " + "x" * 9_000)
                print(done.id, flush=True)
        except LogPoisoned as error:
            print(error, file=sys.stderr)

anyio.run(main)
"""


@pytest.mark.anyio
async def test_a_file_that_may_not_grow_refuses_the_write_and_loses_nothing(tmp_path: Path) -> None:
    child = await anyio.to_thread.run_sync(_run_child, FILLED_UP, tmp_path)
    assert "ulimit -f" in child.stderr
    assert child.returncode == 0
    acknowledged = child.stdout.split()
    assert 0 < len(acknowledged) < 100
    async with engram.open(tmp_path, embedder=None) as db:
        space = await db.space()
        for number, memory_id in enumerate(acknowledged):
            assert (await space.get(memory_id)).content.split()[0] == str(number)


# The superuser may write anywhere, so the child gives that up, once it has loaded all it needs. It
# opens the directory it stands in, because the way there may be closed to the user it becomes.
READ_ONLY = """
import os, sys
import anyio, engram
from engram.model.errors import StorageFailed

async def main():
    async with engram.open(sys.argv[1], embedder=None):
        pass
    os.chdir(sys.argv[2])
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        async with engram.open(".", embedder=None):
            print("opened")
    except StorageFailed as error:
        print(error)

anyio.run(main)
"""


@pytest.mark.parametrize("has_store", [True, False])
def test_a_read_only_directory_is_refused_with_the_remedy(
    tmp_path: Path, *, has_store: bool
) -> None:
    root = tmp_path / "read-only"
    root.mkdir()
    if has_store:
        anyio.run(_fill, root)
    root.chmod(0o555)
    child = _run_child(READ_ONLY, tmp_path / "another", root)
    root.chmod(0o755)
    assert "give the user who runs Engram read and write permission there" in child.stdout


async def _fill(root: Path) -> None:
    async with engram.open(root, embedder=None) as db:
        for name in SPACES:
            await (await db.space(name)).remember(f"a memory of {name}")


async def _phases(root: Path) -> dict[str, tuple[str, str]]:
    async with engram.open(root, embedder=None) as db:
        return {info.id: (info.phase, info.reason or "") for info in await db.spaces()}


@pytest.mark.anyio
async def test_a_store_of_a_newer_format_is_refused_with_the_remedy(tmp_path: Path) -> None:
    await _fill(tmp_path)
    header = struct.pack("<8sI16s", b"ENGRAMST", FORMAT_VERSION + 1, bytes(16))
    (tmp_path / "STORE").write_bytes(header + struct.pack("<I", google_crc32c.value(header)))
    with pytest.raises(StoreTooNew, match=r"upgrade with `pip install --upgrade"):
        await _fill(tmp_path)


@pytest.mark.anyio
@pytest.mark.parametrize("length", [0, 7, 32])
async def test_a_damaged_store_file_is_refused_and_left_as_it_is(
    tmp_path: Path, length: int
) -> None:
    await _fill(tmp_path)
    store = tmp_path / "STORE"
    damaged = bytes(byte ^ 1 for byte in store.read_bytes())[:length]
    store.write_bytes(damaged)
    with pytest.raises(LogCorrupted, match="header is not intact"):
        await _fill(tmp_path)
    assert store.read_bytes() == damaged


def _flip_in_the_middle(root: Path) -> None:
    path = next((root / "other" / "wal").glob("*.wal"))
    data = bytearray(path.read_bytes())
    data[4096 + 100] ^= 0x10
    path.write_bytes(data)


def _copy(root: Path) -> None:
    shutil.rmtree(root / "other")
    shutil.copytree(root / "default", root / "other")


def _rename(root: Path) -> None:
    shutil.rmtree(root / "default")
    (root / "other").rename(root / "default")
    shutil.copytree(root / "default", root / "other")


def _make_unreadable(root: Path) -> None:
    shutil.rmtree(root / "other" / "wal")
    (root / "other" / "wal").write_text("a file where the log must be")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("damage", "hit", "reason"),
    [
        (_flip_in_the_middle, "other", "damaged at byte 4096"),
        (_copy, "other", "belongs to another log"),
        (_rename, "default", "belongs to another log"),
        (_make_unreadable, "other", "Not a directory"),
    ],
)
async def test_damage_in_one_space_is_named_and_leaves_the_other_serving(
    tmp_path: Path, damage: Callable[[Path], None], hit: str, reason: str
) -> None:
    await _fill(tmp_path)
    damage(tmp_path)
    phases = await _phases(tmp_path)
    well = "default" if hit == "other" else "other"
    assert phases[hit][0] == "unavailable"
    assert reason in phases[hit][1]
    assert phases[well] == ("ready", "")
    async with engram.open(tmp_path, embedder=None) as db:
        with pytest.raises((LogCorrupted, StorageFailed), match=reason):
            await db.space(hit)
        found = await (await db.space(well)).recall("memory")
        assert [each.memory.content for each in found] == [f"a memory of {well}"]


@pytest.mark.anyio
async def test_a_space_that_cannot_be_opened_can_be_dropped_and_made_anew(tmp_path: Path) -> None:
    await _fill(tmp_path)
    _flip_in_the_middle(tmp_path)
    async with engram.open(tmp_path, embedder=None) as db:
        await db.drop_space("other")
        await (await db.create_space("other")).remember("begun anew")
    assert (await _phases(tmp_path))["other"] == ("ready", "")


OPENS = """
import sys
import anyio, engram

async def main():
    async with engram.open(sys.argv[1], embedder=None):
        pass

anyio.run(main)
"""


@pytest.mark.anyio
async def test_a_store_that_is_open_is_refused_naming_the_process(tmp_path: Path) -> None:
    async with engram.open(tmp_path, embedder=None):
        child = await anyio.to_thread.run_sync(_run_child, OPENS, tmp_path)
        assert child.returncode == 1
        assert "StoreInUse" in child.stderr
        if sys.platform == "linux":
            assert f"(pid {os.getpid()})" in child.stderr
        with pytest.raises(StoreInUse):
            await _fill(tmp_path)
    await _fill(tmp_path)
