"""Every place for backups keeps the contract; S3 is spoken with a server that checks signatures."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from engram.adapters.archives.directory import DirectoryArchive
from engram.adapters.archives.opening import open_archive
from engram.adapters.archives.remote import RemoteArchive
from engram.adapters.local.entropy import SystemEntropy
from engram.backup.repository import Repository
from engram.model.errors import ArchiveCorrupted, ArchiveUnavailable, InvalidRequest
from engram.service.backups import Backups
from engram.testing.archives import MemoryArchive, check_archive
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import simulated_store

KEYS = {"AWS_ACCESS_KEY_ID": "engram-key", "AWS_SECRET_ACCESS_KEY": "engram-secret"}
BUCKET = "kept"


class S3(NamedTuple):
    """A running server and the directory its objects are files of."""

    endpoint: str
    directory: Path


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server of its own process, with one empty bucket."""
    directory = tmp_path_factory.mktemp("s3")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    users = {"NANIO_ACCESS_KEY": "engram-key", "NANIO_SECRET_KEY": "engram-secret"}
    (directory / BUCKET).mkdir()
    server = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
        [
            *(sys.executable, "-c", "from nanio.cli import main; main()", "serve"),
            *("--data-dir", str(directory), "--host", "127.0.0.1", "--port", str(port)),
            *("--no-access-log", "--log-level", "error"),
        ],
        env={**os.environ, **users},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_answers(server, port)
        yield S3(f"http://127.0.0.1:{port}", directory / BUCKET)
    finally:
        server.terminate()
        server.wait(10)


def _wait_until_it_answers(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert server.poll() is None, "the S3 server ended"
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def credentials(s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment a user of S3 has."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3.endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    yield
    # s3fs 2026.9 ends the session of a file system that is collected on the event loop of that
    # moment, which need not be its own: none may be left for the loop of a test to come.
    gc.collect()


def test_a_directory_on_this_machine(tmp_path: Path) -> None:
    check_archive(open_archive(str(tmp_path / "kept"), SystemEntropy()))


def test_a_file_url_is_that_directory(tmp_path: Path) -> None:
    archive = open_archive(f"file://{tmp_path}/kept", SystemEntropy())
    archive.put("config.json", [b"{}"])
    assert (tmp_path / "kept" / "config.json").read_bytes() == b"{}"


def test_a_directory_on_a_simulated_disk() -> None:
    check_archive(DirectoryArchive(SimulatedFilesystem(), SeededEntropy(1), "simulated"))


def test_ram_of_this_process_alone() -> None:
    check_archive(MemoryArchive())


def test_memory() -> None:
    check_archive(open_archive("memory://conformance", SystemEntropy()))


def test_a_file_system_whose_writes_are_not_at_once_is_written_beside_and_moved(
    tmp_path: Path,
) -> None:
    check_archive(RemoteArchive(f"local://{tmp_path}/kept", SystemEntropy()))
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.usefixtures("credentials")
def test_s3() -> None:
    check_archive(open_archive(f"s3://{BUCKET}/conformance", SystemEntropy()))


@pytest.mark.usefixtures("credentials")
def test_what_s3_refuses_is_an_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong secret, a bucket that is not there: told from an object that is not there."""
    with pytest.raises((ArchiveUnavailable, FileNotFoundError)):
        open_archive("s3://no-such-bucket/x", SystemEntropy()).put("config.json", [b"{}"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ArchiveUnavailable, match=f"s3://{BUCKET}/x.*signature"):
        open_archive(f"s3://{BUCKET}/x", SystemEntropy()).list("objects")


@pytest.mark.anyio
@pytest.mark.usefixtures("credentials")
async def test_a_store_goes_to_s3_and_comes_back(s3: S3, anyio_backend: str) -> None:
    """Two backups, the second without a byte of the first; damage on the server is noticed."""
    clock = FakeClock()
    place = f"s3://{BUCKET}/{anyio_backend}"
    backups = Backups(Repository(open_archive(place, SystemEntropy()), clock, SystemEntropy()))
    async with simulated_store(clock=clock) as store:
        space = await store.space()
        await space.remember_many([f"note {n}" for n in range(100)])
        await store.backup(backups)
        again = await store.backup(backups)
        assert again.objects_stored == 0
    async with simulated_store(clock=clock, seed=5) as target:
        (restored,) = await target.restore(backups)
        assert restored.digest == again.backup.spaces[0].digest
        assert restored.memories == 100
    assert len((await backups.prune(keep=1)).kept) == 1
    assert (await backups.verify()).damage == ()
    (chunk,) = (s3.directory / anyio_backend).rglob("*.chunk")
    data = bytearray(chunk.read_bytes())
    data[-1] ^= 1
    chunk.write_bytes(data)
    async with simulated_store(clock=clock, seed=5) as target:
        with pytest.raises(ArchiveCorrupted, match=chunk.name):
            await target.restore(backups)


def test_a_url_nobody_knows_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidRequest, match="s3://bucket/folder"):
        open_archive("nosuch://x", SystemEntropy())


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # fsspec remembers what it has loaded once.
    loaded = import_module("fsspec.registry")._registry
    monkeypatch.delitem(loaded, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(InvalidRequest, match=r"engram-memory-engine\[s3\]"):
        open_archive("s3://x/y", SystemEntropy())
