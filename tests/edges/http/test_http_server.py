"""The server on a socket: slow callers, signals, stops; and the commands that run it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.server_file import RunningServer, ServerFile
from engram.edges.http.protocol import HttpProtocol
from engram.edges.http.server import HttpServer
from engram.model.errors import InvalidRequest
from engram.settings import Settings, load_settings
from engram.wiring import open_store
from tests.edges.http.conftest import serving

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Uvicorn knows asyncio alone."""
    return "asyncio"


async def test_a_stopped_server_has_answered_and_taken_a_snapshot(tmp_path: Path) -> None:
    """What was acknowledged is there after it, and the next opening has no log to read."""
    async with serving(tmp_path) as server, httpx2.AsyncClient(base_url=server.url) as client:
        made = await client.post("/api/v1/memories", json={"content": "the kettle is blue"})
        assert made.status_code == 201
    async with open_store(tmp_path, embedder=None, kernels="numpy") as db:
        space = await db.space()
        assert (await space.get(made.json()["id"])).content == "the kettle is blue"
        assert (await space.stats()).checkpoint_lsn == made.json()["lsn"]


async def test_the_server_is_ready_when_its_spaces_are_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says which it found and what recovering each came to."""
    async with open_store(tmp_path, embedder=None, kernels="numpy") as db:
        await (await db.space("notes")).remember("the kettle is blue")
    with caplog.at_level("INFO", "engram.http"):
        async with serving(tmp_path) as server, httpx2.AsyncClient(base_url=server.url) as client:
            while (await client.get("/health/ready")).status_code != 200:
                await anyio.lowlevel.checkpoint()
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "Discovered 2 memory spaces: ['default', 'notes']"
    assert said[2].startswith("Recovered 'notes': 1 entries, 0 corrupted, took ")


async def test_a_head_that_never_ends_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is closed, though a byte came now and then; others are served meanwhile."""
    monkeypatch.setattr(HttpProtocol, "head_seconds_max", 0.05)
    async with serving(tmp_path) as server, httpx2.AsyncClient(base_url=server.url) as client:
        host, port = server.url.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as slow:
            await slow.send(b"GET /health HTTP/1.1\r\nX-Slow: ")
            assert (await client.get("/health")).status_code == 200
            with pytest.raises(anyio.EndOfStream):
                await slow.receive()
        async with await anyio.connect_tcp(host, int(port)) as silent:
            with pytest.raises(anyio.EndOfStream):
                await silent.receive()


async def test_what_is_no_http_is_answered_and_closed(tmp_path: Path) -> None:
    """The server goes on."""
    async with serving(tmp_path) as server, httpx2.AsyncClient(base_url=server.url) as client:
        host, port = server.url.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(b"\x16\x03\x01\x02\x00 nonsense\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 400")
        assert (await client.get("/health")).status_code == 200


async def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    """With what to do about it."""
    async with open_store(tmp_path, embedder=None, kernels="numpy") as db:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(InvalidRequest, match=f"port {port}.*choose another"):
                HttpServer(db, "1", "s", "127.0.0.1", port, SystemClock())


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],  # noqa: S104 - no socket is bound
)
def test_only_loopback_is_this_machine_alone(host: str, is_local: bool) -> None:
    """A name that is looked up somewhere may mean anything."""
    assert Settings(http_host=host).is_local is is_local


def test_a_port_there_is_not_is_refused() -> None:
    """Settings name what is wrong."""
    with pytest.raises(InvalidRequest, match="ENGRAM_HTTP_PORT=70000: '70000' is not a port"):
        load_settings({"ENGRAM_HTTP_PORT": "70000"})


def test_a_server_that_was_killed_is_not_found(tmp_path: Path) -> None:
    """Its file is still there, but nobody has the store open."""
    file = ServerFile(tmp_path)
    assert file.read() is None
    file.write("http://127.0.0.1:1")
    assert file.path.stat().st_mode & 0o077 == 0
    assert file.read() is None
    file.path.write_bytes(b"{")
    assert file.read() is None
    file.remove()
    file.remove()


async def test_another_process_that_has_the_store_open_is_no_server(tmp_path: Path) -> None:
    """A process id may be used again: the file's must be the one that holds the store."""
    async with open_store(tmp_path, embedder=None, kernels="numpy"):
        file = ServerFile(tmp_path)
        file.write("http://127.0.0.1:1")
        assert file.read() == RunningServer(os.getpid(), "http://127.0.0.1:1")
        file.path.write_text(json.dumps({"pid": os.getpid() + 1, "url": "http://127.0.0.1:1"}))
        assert file.read() is None


@pytest.fixture
def started(cli: CommandLine) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A server of the command line's store in a process of its own, and what it printed."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [
            *(sys.executable, "-m", "engram", "start", "--port", "0", "--json"),
            *("--data", str(cli.path)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "ENGRAM_EMBEDDER": "none"},
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_start_serves_until_stop(
    cli: CommandLine, started: tuple[subprocess.Popen[str], dict[str, Any]]
) -> None:
    """`stop` returns when the store is free, and the server's exit code is 0."""
    process, said = started
    made = httpx2.post(f"{said['url']}/api/v1/memories", json={"content": "the kettle is blue"})
    assert made.status_code == 201
    (default,) = cli("status", "--json").json["spaces"]
    assert (default["space"], default["memories"]) == ("default", 1)
    refused = cli("status", "--space", "nowhere", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "NOT_FOUND")
    told = cli("status")
    assert f"Served at {said['url']}" in told.out
    assert f"(pid {process.pid})" in told.out
    busy = cli("repair", "--space", "default")  # the one command that a server does not do
    assert (busy.code, f"pid {process.pid}" in busy.err) == (1, True)
    assert cli("stop", "--json").json == {
        "pid": process.pid,
        "url": said["url"],
        "stopped": True,
    }
    assert process.wait(timeout=30) == 0
    assert cli("get", made.json()["id"], "--json").json["content"] == "the kettle is blue"
    assert ServerFile(cli.path).read() is None
    again = cli("stop")
    assert (again.code, "no server runs" in again.err) == (1, True)


def test_a_detached_server_goes_on_until_stop(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`start --detach` returns when it listens; one that cannot start says why."""
    monkeypatch.setenv("ENGRAM_EMBEDDER", "none")
    said = cli("start", "--detach", "--port", "0", "--json").json
    try:
        assert httpx2.get(f"{said['url']}/health").json() == {"status": "ok"}
        modes = [each.stat().st_mode & 0o777 for each in (cli.path, cli.path / ".server.log")]
        assert modes == [0o700, 0o600]  # a store is its user's alone, whoever makes it
        second = cli("start", "--detach", "--port", "0")
        assert (second.code, "is open in another process" in second.err) == (1, True)
    finally:
        stopped = cli("stop", "--json").json
        assert os.waitpid(stopped["pid"], 0)[1] == 0


def test_a_server_with_access_on_serves_who_holds_a_key(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key made while it runs opens its space at once, and the audit has every request."""
    for name, value in (("EMBEDDER", "none"), ("ACCESS", "on"), ("RATE_LIMIT", "1000")):
        monkeypatch.setenv(f"ENGRAM_{name}", value)
    said = cli("start", "--detach", "--port", "0", "--json").json
    try:
        made = cli("keys", "create", "bot", "--space", "notes", "--json").json
        with httpx2.Client(base_url=said["url"]) as client:
            unknown = client.get("/api/v1/memories")
            client.headers["Authorization"] = f"Bearer {made['key']}"
            body = {"content": "the kettle is blue", "memory_space": "notes"}
            done = client.post("/api/v1/memories", json=body)
            foreign = client.get("/api/v1/memories")
        assert [each.status_code for each in (unknown, done, foreign)] == [401, 201, 403]
        assert done.headers["x-ratelimit-limit"] == "100"
        refused = cli("status")
        assert (refused.code, "ENGRAM_API_KEY" in refused.err) == (1, True)
        assert refused.err.startswith("UNAUTHORIZED")
        monkeypatch.setenv("ENGRAM_API_KEY", made["key"])
        assert [each["space"] for each in cli("status", "--json").json["spaces"]] == ["notes"]
    finally:
        os.waitpid(cli("stop", "--json").json["pid"], 0)
    lines = (cli.path / ".audit.ndjson").read_text("utf-8").splitlines()
    audit = [json.loads(line) for line in lines]
    assert [(each["status"], each["space"]) for each in audit] == [
        (401, None),
        (201, "notes"),
        (403, "default"),
        (401, None),
        (200, None),
    ]
    assert audit[1]["principal"] == f"bot#{made['id']}"
    assert made["key"] not in "".join(lines)


def test_start_refuses_to_be_reached_from_elsewhere(cli: CommandLine) -> None:
    """Nobody is checked yet, so that has to be asked for in so many words."""
    answer = cli("start", "--host", "0.0.0.0")  # noqa: S104 - it is refused
    assert (answer.code, "--insecure" in answer.err) == (1, True)
    assert not cli.path.exists()
