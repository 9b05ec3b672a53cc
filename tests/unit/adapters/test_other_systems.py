"""What Windows would run, as far as Linux can: its positioned I/O, and imports without POSIX.

Not run here: Windows itself, so neither msvcrt's locks nor what Windows refuses for open files.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engram.adapters.local import filesystem as module
from engram.adapters.local import windows
from engram.adapters.local.filesystem import LocalFilesystem
from engram.ports import ReadableBuffer

BLOCK_BYTES = 997
BLOCKS = 200

# Third parties are loaded before anything is taken away: they have their own ways on Windows.
WITHOUT_POSIX = r"""
import importlib, os, pkgutil, sys
from pathlib import Path
import anyio, anyio.to_thread, numpy, msgspec, blake3, zstandard, fsspec, httpx2
import cyclopts, hypothesis.strategies, rich.console
import jwt, uvicorn, uvicorn.protocols.http.httptools_impl
import mcp.server.lowlevel, mcp.server.stdio
import agents, langchain_core.retrievers, langgraph.store.base, llama_index.core.memory
import fcntl

for name in ("eventfd", "pread", "preadv", "pwrite", "pwritev", "fdatasync", "sysconf", "RWF_DSYNC",
             "O_DIRECTORY", "geteuid", "getuid", "fork", "register_at_fork"):
    delattr(os, name)
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
held, locked = set(), []

class Msvcrt:
    LK_NBLCK, LK_UNLCK = 2, 0
    @staticmethod
    def locking(descriptor, mode, bytes_count):
        # Windows locks bytes from the descriptor's position on, and tells nobody who holds them.
        key = (os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR), bytes_count)
        if mode == 0:
            held.remove(key)
        elif key in held:
            raise OSError(13, "Permission denied")
        else:
            held.add(key)
            locked.append(key)
sys.modules["msvcrt"] = Msvcrt
sys.platform = "win32"

import engram
failed = []
def note(name):
    failed.append((name, "package"))
for found in pkgutil.walk_packages(engram.__path__, "engram.", onerror=note):
    if found.name == "engram.__main__" or found.name in LEFT_OUT:
        continue
    try:
        importlib.import_module(found.name)
    except ImportError as error:
        failed.append((found.name, repr(error)))
assert not failed, failed
assert not hasattr(os, "pread")

root = Path(sys.argv[1])
async def main():
    async with engram.open(root, embedder=None, kernels="numpy") as db:
        space = await db.space("default")
        await space.remember("kept without POSIX", embedding=[1.0, 0.0])
        await space.checkpoint()
        assert held, "nothing is locked"
        try:
            async with engram.open(root, embedder=None, kernels="numpy"):
                raise SystemExit("two have it open")
        except engram.model.errors.EngramError as error:
            assert type(error).__name__ == "StoreInUse", error
    assert not held, held
    async with engram.open(root, embedder=None, kernels="numpy") as db:
        (memory,) = (await (await db.space("default")).list()).memories
        print(memory.content)
anyio.run(main)
assert {key[1:] for key in locked} == {(1 << 30, 1)}, locked
"""
# The POSIX half itself, a tool that stands on packages only a maintainer has, and no module at all.
LEFT_OUT = {
    "engram.adapters.local.posix",
    "engram.adapters.embedders.build_table",
    "engram.kernels.libengram_kernels",
}


@pytest.fixture
def seeking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalFilesystem:
    """Return a filesystem that does all but locks as on Windows, without calls that Linux adds."""
    monkeypatch.setattr(module, "system", windows)
    monkeypatch.setattr(module, "_DSYNC", 0)
    for name in ("pread", "pwrite", "pwritev", "fdatasync"):
        if hasattr(os, name):
            monkeypatch.delattr(os, name)
    return LocalFilesystem(tmp_path / "store")


def test_every_module_is_imported_and_a_store_works_without_posix(tmp_path: Path) -> None:
    """With a stand-in for the one Windows module that is used, which Linux has not."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own program
        [sys.executable, "-c", f"LEFT_OUT = {LEFT_OUT!r}\n{WITHOUT_POSIX}", str(tmp_path / "s")],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "kept without POSIX\n"


@pytest.mark.parametrize("method", ["write", "durably"])
def test_what_was_written_after_a_seek_is_read_back(seeking: LocalFilesystem, method: str) -> None:
    handle = seeking.create_exclusive("space/a")
    data = [bytes([number % 251]) * 3 for number in range(3000)]
    buffers: list[ReadableBuffer] = [*data, bytearray(b"x"), memoryview(b"y"), b""]
    if method == "write":
        seeking.write_at(handle, 5, buffers)
        seeking.sync(handle)
    else:
        assert seeking.sync_methods == ("sync",)
        seeking.write_durably(handle, 5, buffers, "sync")
    seeking.sync_directory("space")
    assert seeking.read_at(handle, 0, 100_000) == bytes(5) + b"".join(data) + b"xy"
    assert seeking.read_at(handle, 5 + 9_002, 9) == b""
    handle.close()


def test_buffers_beyond_one_call_are_all_written(
    seeking: LocalFilesystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "CALL_BYTES_MAX", 10)
    handle = seeking.create_exclusive("a")
    seeking.write_at(handle, 3, [b"0123456789abcdef", b"", b"ghi", b"jklmnopqrst"])
    assert seeking.read_at(handle, 3, 99) == b"0123456789abcdefghijklmnopqrst"
    handle.close()


def test_short_writes_after_a_seek_are_continued(
    seeking: LocalFilesystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:3]))
    handle = seeking.create_exclusive("a")
    seeking.write_at(handle, 1, [b"ab", b"cdef", b"g", b"hi"])
    assert seeking.read_at(handle, 1, 100) == b"abcdefghi"
    handle.close()


def test_threads_that_share_a_handle_do_not_move_each_others_position(
    seeking: LocalFilesystem,
) -> None:
    handle = seeking.create_exclusive("a")

    def block(number: int) -> bytes:
        return bytes([number % 251 + 1]) * BLOCK_BYTES

    def write_and_read(number: int) -> bool:
        seeking.write_at(handle, number * BLOCK_BYTES, [block(number)])
        return seeking.read_at(handle, number * BLOCK_BYTES, BLOCK_BYTES) == block(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(write_and_read, range(BLOCKS)))
    finally:
        sys.setswitchinterval(interval)
    whole = seeking.read_at(handle, 0, BLOCKS * BLOCK_BYTES)
    assert whole == b"".join(map(block, range(BLOCKS)))
    handle.close()
