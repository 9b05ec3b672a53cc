"""A line a request: its names, space, route, status, time and caller, and nothing it carried."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from engram.adapters.local.clock import SystemClock
from engram.adapters.loggers.structured import structured_loggers
from engram.admitting import make_keys
from engram.edges.http.app import ENDPOINTS, make_app
from engram.edges.http.calls import Call, Endpoint, Nothing
from engram.edges.http.door import Host
from engram.edges.http.guard import Guard
from engram.edges.http.reported import AliveValue
from engram.service.access import Access
from engram.service.telemetry import REQUEST
from engram.settings import Settings

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio
ROOT = "/api/v1/memories"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Logged:
    """A client of a server, and the lines it logs."""

    def __init__(self, client: httpx2.AsyncClient, stream: io.StringIO) -> None:
        self.client, self._stream = client, stream

    def lines(self) -> list[dict[str, Any]]:
        """Return what was logged; only once the block is left it is all there."""
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    @property
    def text(self) -> str:
        """All of it."""
        return self._stream.getvalue()


@asynccontextmanager
async def logged(
    http: Caller, guard: Guard | None = None, level: str = "info", *more: Endpoint
) -> AsyncIterator[Logged]:
    """Serve the store of a test with its lines kept."""
    stream = io.StringIO()
    with structured_loggers("json", level, stream, SystemClock()) as logger:
        host = Host(http.db, "1", "s", SystemClock(), guard, request_logger=logger)
        transport = httpx2.ASGITransport(make_app(host, (*ENDPOINTS, *more)))
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            yield Logged(client, stream)


async def test_a_request_is_a_line(http: Caller) -> None:
    """Under the names its answer has."""
    async with logged(http) as served:
        headers = {"X-Request-Id": "r-7", "X-Correlation-Id": "c-7", "X-Memory-Space": "notes"}
        done = await served.client.post(ROOT, json={"content": "blue"}, headers=headers)
        other = await served.client.get(f"{ROOT}/{done.json()['id']}", headers=headers)
        missing = await served.client.get("/nowhere", headers=headers)
    first, second, third = served.lines()
    assert first.pop("duration_ms") > 0
    assert first.pop("timestamp").startswith("20")
    assert first == {
        "event": "request",
        "level": "info",
        "route": f"POST {ROOT}",
        "status": 201,
        "space": "notes",
        "caller": None,
        "request_id": "r-7",
        "correlation_id": "c-7",
    }
    assert (other.status_code, second["route"]) == (200, f"GET {ROOT}/{{id}}")
    assert (missing.status_code, third["status"], third["route"]) == (404, 404, None)


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ({"traceparent": PARENT}, ("s-1", TRACE)),
        ({"traceparent": PARENT, "X-Request-Id": "r"}, ("r", TRACE)),
        ({"traceparent": PARENT, "X-Correlation-Id": "c"}, ("s-1", "c")),
        ({"traceparent": f"01{PARENT[2:]}-more"}, ("s-1", TRACE)),
        ({"traceparent": f"{PARENT}-more"}, ("s-1", "s-1")),
        ({"traceparent": PARENT.upper()}, ("s-1", "s-1")),
        ({"traceparent": PARENT.replace(TRACE, "0" * 32)}, ("s-1", "s-1")),
        ({"traceparent": f"ff{PARENT[2:]}"}, ("s-1", "s-1")),
        ({"traceparent": "rubbish", "X-Request-Id": "not a name"}, ("s-1", "s-1")),
    ],
)
async def test_a_request_is_correlated_by_what_is_valid(
    http: Caller, headers: dict[str, str], names: tuple[str, str]
) -> None:
    """A correlation id that is said, else the trace, else the request; problems name the same."""
    async with logged(http) as served:
        answer = await served.client.get(f"{ROOT}?nonsense=1", headers=headers)
    (line,) = served.lines()
    problem = answer.json()
    for found in (line, problem):
        assert (found["request_id"], found["correlation_id"]) == names
    assert answer.headers["x-correlation-id"] == names[1]


async def test_two_traces_are_none(http: Caller) -> None:
    """A request that names two belongs to neither, and is carried out all the same."""
    other = PARENT.replace("4bf", "5bf")
    async with logged(http) as served:
        headers = [("traceparent", PARENT), ("traceparent", other)]
        answer = await served.client.get("/api/v1/spaces", headers=headers)
    assert (answer.status_code, answer.headers["x-correlation-id"]) == (200, "s-1")


async def test_what_is_public_is_a_line_for_who_looks_for_faults(http: Caller) -> None:
    """A monitor asks every few seconds."""
    for level, count in (("info", 0), ("debug", 1), ("error", 0)):
        async with logged(http, None, level) as served:
            assert (await served.client.get("/health")).status_code == 200
        assert len(served.lines()) == count


async def test_lines_show_no_key_and_no_content(http: Caller, tmp_path: Path) -> None:
    """Neither of requests that went well, nor of those that were refused or met a bug."""
    clock, hidden = SystemClock(), "where the treasure lies"
    keys = make_keys(Settings(data_root=str(tmp_path)))
    key = keys.create("robot", "agent", ["notes"])[0]

    async def broken(_: Call) -> AliveValue:
        raise ValueError(f"with {key}")

    bug = Endpoint("GET", "/broken", "Break.", broken, AliveValue, query=Nothing)
    guard = Guard(clock, Access([keys]))
    headers = {"Authorization": f"Bearer {key}", "X-Memory-Space": "notes"}
    async with logged(http, guard, "debug", bug) as served:
        ask: Callable[..., Any] = served.client.request
        body = {"content": hidden}
        statuses = [
            (await ask("POST", ROOT, json=body, headers=headers)).status_code,
            (
                await ask("GET", f"{ROOT}/recall", params={"query": hidden}, headers=headers)
            ).status_code,
            (await ask("POST", ROOT, json=body | {"tags": hidden}, headers=headers)).status_code,
            (await ask("POST", ROOT, json=body, headers={"X-Api-Key": key + "x"})).status_code,
            (await ask("GET", "/broken", headers=headers | {"X-Request-Id": "r-9"})).status_code,
        ]
    assert statuses == [201, 200, 400, 401, 500]
    lines = served.lines()
    callers = [each.get("caller") for each in lines if each["event"] == "request"]
    assert [str(each).startswith("robot#") for each in callers] == [True, True, True, False, True]
    assert not [each for each in (hidden, "treasure", key) if each in served.text]
    (error,) = [each for each in lines if each["level"] == "error"]
    assert (error["request_id"], error["space"]) == ("r-9", "notes")
    assert "with ***" in error["exception"]


async def test_no_name_stays_behind(http: Caller) -> None:
    """What is logged after a request does not belong to it."""
    async with logged(http) as served:
        await served.client.get(ROOT)
    assert REQUEST.get() is None


def test_a_server_logs_json_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    """On standard error, as the settings say."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [
            *(sys.executable, "-m", "engram", "start", "--port", "0", "--json"),
            *("--data", str(tmp_path / "store")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={
            **os.environ,
            "ENGRAM_EMBEDDER": "none",
            "ENGRAM_GRPC": "off",  # its port may be another test's, of which a line would tell
            "ENGRAM_KERNELS": "numpy",
            "ENGRAM_LOG_FORMAT": "json",
        },
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            names = {"X-Request-Id": "r-1"}
            assert httpx2.get(f"{url}/api/v1/spaces", headers=names).status_code == 200
            process.send_signal(signal.SIGTERM)
            _, error = process.communicate(timeout=30)
        finally:
            process.kill()
    lines = [json.loads(line) for line in error.splitlines()]
    assert [each["request_id"] for each in lines if each["event"] == "request"] == ["r-1"]
    assert "Discovered 1 memory spaces: ['default']" in [each["event"] for each in lines]
    assert {each["level"] for each in lines} == {"info"}
