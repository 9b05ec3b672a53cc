"""Who may call tools over HTTP, how often, and what is written down of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.local.key_file import KeyFile
from engram.service.access import Access
from engram.service.admission import Admission
from engram.service.limiting import TokenBuckets
from tests.edges.kept_lines import Lines

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine
    from tests.edges.mcp.conftest import Serve

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One loop: what is tested runs in processes of its own, and the scenarios run on both."""
    return "asyncio"


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    """The keys of a store."""
    return KeyFile(tmp_path, SystemClock(), SystemEntropy())


@asynccontextmanager
async def asking(url: str, key: str) -> AsyncIterator[Client]:
    """Lend a client that shows a key."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def code_of(client: Client, tool: str, **arguments: Any) -> str | None:
    """Return the code a call is refused with; None when it is answered."""
    result = await client.call_tool(tool, arguments)
    return str(result.structured_content["code"]) if result.is_error else None


async def test_roles_and_spaces_hold_as_over_http(serve: Serve, keys: KeyFile) -> None:
    reader, ada = keys.create("ada", "reader", ["default"])
    agent, bab = keys.create("bab", "agent", ["notes"])
    audit = Lines()
    admission = Admission(SystemClock(), Access([keys]), None, audit)
    with serve(admission) as fronts:
        async with asking(fronts.tools_url, reader) as client:
            assert await code_of(client, "stats") is None
            assert await code_of(client, "remember", content="x") == "FORBIDDEN"
            # Whether a space exists is none of their business.
            assert await code_of(client, "stats", space="nowhere") == "FORBIDDEN"
            assert [each.uri for each in (await client.list_resources()).resources] == [
                "engram://default"
            ]
        async with asking(fronts.tools_url, agent) as client:
            assert await code_of(client, "remember", content="x", space="notes") is None
            assert await code_of(client, "remember", content="x") == "FORBIDDEN"
            assert [each.uri for each in (await client.list_resources()).resources] == [
                "engram://notes"
            ]
    told = [(each.principal, each.space, each.action, each.status) for each in audit.lines]
    first, second = f"ada#{ada.id}", f"bab#{bab.id}"
    assert told == [
        (first, "default", "MCP tools/call stats", 200),
        (first, "default", "MCP tools/call remember", 403),
        (first, "nowhere", "MCP tools/call stats", 403),
        (first, None, "MCP resources/list", 200),
        (second, "notes", "MCP tools/call remember", 200),
        (second, "default", "MCP tools/call remember", 403),
        (second, None, "MCP resources/list", 200),
    ]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer engram_x"}, {"X-API-Key": "x"}])
async def test_who_is_not_known_is_answered_with_401(
    serve: Serve, keys: KeyFile, headers: dict[str, str]
) -> None:
    with serve(Admission(SystemClock(), Access([keys]))) as fronts:
        async with httpx2.AsyncClient(headers=headers) as http:
            answer = await http.post(fronts.tools_url, json={})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "UNAUTHORIZED"


async def test_a_key_that_is_revoked_opens_nothing_any_more(serve: Serve, keys: KeyFile) -> None:
    key, facts = keys.create("ada", "admin", ["*"])
    with serve(Admission(SystemClock(), Access([keys]))) as fronts:
        async with httpx2.AsyncClient(headers={"X-API-Key": key}) as http:
            before = await http.post(fronts.tools_url, json={})
            keys.revoke(facts.id)
            after = await http.post(fronts.tools_url, json={})
    assert before.status_code != 401
    assert after.status_code == 401


async def test_a_session_is_of_who_began_it(serve: Serve, keys: KeyFile) -> None:
    """Who learns its id, and has a key of their own, is told that there is none."""
    first, _ = keys.create("ada", "admin", ["*"])
    second, _ = keys.create("bab", "admin", ["*"])
    begin = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    accepts = {"Accept": "application/json, text/event-stream"}
    with serve(Admission(SystemClock(), Access([keys]))) as fronts:
        async with httpx2.AsyncClient(headers=accepts) as http:
            own = {"X-API-Key": first}
            answer = await http.post(fronts.tools_url, json=begin, headers=own)
            session = {"Mcp-Session-Id": answer.headers["mcp-session-id"]}
            ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
            mine = await http.post(fronts.tools_url, json=ping, headers=own | session)
            other = {"X-API-Key": second} | session
            theirs = await http.post(fronts.tools_url, json=ping, headers=other)
    assert (mine.status_code, theirs.status_code) == (200, 404)


async def test_one_call_too_many_is_told_when_to_come_back(serve: Serve) -> None:
    admission = Admission(SystemClock(), None, TokenBuckets(0.01, 2))
    with serve(admission) as fronts:
        async with Client(fronts.tools_url) as client:
            for _ in range(2):
                assert await code_of(client, "stats") is None
            refused = await client.call_tool("stats", {})
    assert refused.structured_content["code"] == "RATE_LIMITED"
    assert refused.structured_content["retry_after_s"] > 60


async def test_a_page_of_another_site_gets_nothing(serve: Serve) -> None:
    """A name of theirs may lead to this machine (DNS rebinding)."""
    with serve() as fronts:
        async with httpx2.AsyncClient() as http:
            headers = {"Host": "evil.example", "Origin": "http://evil.example"}
            answer = await http.post(fronts.tools_url, json={}, headers=headers)
    assert answer.status_code in {403, 421}


def test_nobody_listens_beyond_this_machine_without_access(cli: CommandLine) -> None:
    answer = cli("mcp", "--http", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - refused
    assert answer.code == 1
    assert "--insecure" in answer.err
    alone = cli("mcp", "--port", "0")
    assert (alone.code, "--http" in alone.err) == (1, True)


@contextmanager
def program(path: Path, **settings: str) -> Iterator[str]:
    """Run `engram mcp --http`, and lend its URL."""
    command = [
        *(sys.executable, "-m", "engram", "mcp", "--http", "--port", "0", "--json"),
        *("--data", str(path), "--config", "off"),
    ]
    environment = os.environ | {"ENGRAM_EMBEDDER": "none"} | settings
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as server:  # noqa: S603 - our own program
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


async def test_the_program_serves_over_http_until_it_is_stopped(tmp_path: Path) -> None:
    """And what was remembered is there when it is started again."""
    for total in (1, 2):
        with program(tmp_path / "store") as url:
            async with Client(url) as client:
                await client.call_tool("remember", {"content": f"memory {total}"})
                listed = await client.call_tool("list", {})
            assert listed.structured_content["total"] == total


async def test_a_caller_makes_no_more_spaces_than_it_may(tmp_path: Path) -> None:
    """What is there already takes writes, and reading makes nothing."""
    with program(tmp_path / "store", ENGRAM_SPACES_PER_CALLER="1") as url:
        async with Client(url) as client:
            assert await code_of(client, "remember", content="x", space="first") is None
            refused = await client.call_tool("remember", {"content": "x", "space": "second"})
            assert await code_of(client, "list", space="second") == "NOT_FOUND"
            assert await code_of(client, "remember", content="y", space="first") is None
    assert refused.structured_content["error"] == "TooManySpaces"
    assert "ENGRAM_SPACES_PER_CALLER" in refused.structured_content["detail"]
