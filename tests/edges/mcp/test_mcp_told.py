"""What is counted, timed, logged, written down and traced of the calls of tools and resources."""

from __future__ import annotations

import io
import json
from collections import Counter
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from anyio.lowlevel import checkpoint
from mcp import Client, MCPError
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from prometheus_client.parser import text_string_to_metric_families

from engram.adapters.local.clock import SystemClock
from engram.adapters.loggers.structured import structured_loggers
from engram.edges.mcp.calls import Asked, Calls, Refused
from engram.model.errors import InvalidRequest
from engram.service.access import Access, Principal, Role
from engram.service.admission import Admission
from engram.service.limiting import TokenBuckets
from engram.service.telemetry import REQUEST
from tests.edges.http.collectors import attributes_of, collector
from tests.edges.kept_lines import Lines
from tests.kept_spans import KeptSpans, facts_of, one, parent_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engram.service.telemetry import RequestLogger
    from tests.edges.mcp.conftest import Launch, Serve

pytestmark = pytest.mark.anyio
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
IN_TRACE: Any = {"traceparent": PARENT}
BEGIN = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
BY_ITSELF = frozenset(("MCP server/discover", "MCP tools/list"))
"""What the SDK's client asks before it calls a tool."""

ON_ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""The server runs in a thread, or a process, of its own."""


class Keys:
    """Somebody who may ask all spaces, and somebody who may ask some."""

    def principal_of(self, secret: str) -> Principal | None:
        """Return who shows a word."""
        return {
            "all": Principal("ada", Role.READER, None),
            "some": Principal("bab", Role.READER, frozenset({"notes"})),
        }.get(secret)


@contextmanager
def logged(stream: io.StringIO) -> Iterator[RequestLogger]:
    """Lend what writes a line a request to `stream`."""
    with structured_loggers("json", "info", stream, SystemClock()) as logger:
        assert logger is not None
        yield logger


def lines_of(text: str, but: frozenset[str] = BY_ITSELF) -> list[dict[str, Any]]:
    """Return the lines of requests, `but` some, once their writer was left."""
    found = [json.loads(line) for line in text.splitlines()]
    return [each for each in found if each["event"] == "request" and each["route"] not in but]


def counts_of(text: str) -> dict[tuple[str, str], float]:
    """Return how many operations were timed, by space and verb."""
    (durations,) = (
        each for each in text_string_to_metric_families(text) if each.type == "histogram"
    )
    return {
        (sample.labels["memory_space"], sample.labels["operation"]): sample.value
        for sample in durations.samples
        if sample.name.endswith("_count")
    }


@ON_ASYNCIO
async def test_every_call_is_timed_and_a_line_of_log_and_audit(serve: Serve) -> None:
    """Under one name each; a space that is not there gets no label of its own."""
    stream, audit = io.StringIO(), Lines()
    admission = Admission(SystemClock(), None, None, audit)
    with logged(stream) as logger, serve(admission, logger) as fronts:
        async with Client(fronts.tools_url) as client:
            call = client.call_tool
            done = await call("remember", {"content": "blue", "space": "notes"})
            (memory_id,) = done.structured_content["ids"]
            many = {"memories": [{"content": "a"}, {"content": "b"}], "space": "notes"}
            second = await call("remember", many)
            change = {"memory_id": memory_id, "tags": ["x"], "space": "notes"}
            third = await call("correct", change)
            current = third.structured_content["id"]
            answers = [
                *(done, second, third),
                await call("recall", {"query": "x", "space": "nowhere"}),
                await call("recall", {"limit": 0, "space": "notes"}),
                await client.read_resource(f"engram://notes/memories/{current}"),
                await client.list_resources(),
            ]
            with pytest.raises(MCPError) as met:
                await call("dream", {})
        async with httpx2.AsyncClient() as http:
            scraped = await http.get(fronts.tools_url.replace("/mcp", "/metrics"))
    counts = counts_of(scraped.text)
    assert (counts.pop(("", "server_discover")), counts.pop(("", "tools_list"))) == (1, 6)
    assert counts == {
        ("notes", "remember"): 1,
        ("notes", "remember_many"): 1,
        ("notes", "update"): 1,
        ("notes", "get"): 1,
        ("", "recall"): 2,
        ("", "spaces"): 1,
    }
    told = [(each["route"], each["status"], each["space"]) for each in lines_of(stream.getvalue())]
    assert told == [
        ("MCP tools/call remember", 200, "notes"),
        ("MCP tools/call remember", 200, "notes"),
        ("MCP tools/call correct", 200, "notes"),
        ("MCP tools/call recall", 404, "nowhere"),
        ("MCP tools/call recall", 400, None),
        ("MCP resources/read", 200, "notes"),
        ("MCP resources/list", 200, None),
        ("MCP tools/call", 400, None),
        ("GET /metrics", 200, None),
    ]
    assert [(each.action, each.status, each.space) for each in audit.lines] == told
    logged_ids = [each["request_id"] for each in lines_of(stream.getvalue())]
    assert logged_ids == [each.request_id for each in audit.lines]
    assert len(set(logged_ids)) == len(told)
    named = [(each.meta or {})["request_id"] for each in answers]
    assert [*named, met.value.error.data["request_id"]] == logged_ids[:-1]
    assert all(each["duration_ms"] > 0 for each in lines_of(stream.getvalue()))


@ON_ASYNCIO
async def test_what_is_asked_of_the_protocol_is_timed_and_logged(serve: Serve) -> None:
    """But not audited: nothing kept here is told by it. A method nobody knows is no label."""
    stream, audit = io.StringIO(), Lines()
    asked: list[tuple[str, dict[str, Any]]] = [
        *(("initialize", BEGIN), ("ping", {}), ("tools/list", {}), ("prompts/list", {})),
        *(("resources/templates/list", {}), ("resources/list", {}), ("made/up", {})),
        ("tools/list", {"cursor": 5}),
    ]
    admission = Admission(SystemClock(), Access([Keys()]), None, audit)
    headers = {"Accept": "application/json, text/event-stream", "X-API-Key": "all"}
    with logged(stream) as logger, serve(admission, logger) as fronts:
        async with httpx2.AsyncClient(headers=headers) as http:
            for at, (method, said) in enumerate(asked):
                body = {"jsonrpc": "2.0", "id": at, "method": method, "params": said}
                answer = await http.post(fronts.tools_url, json=body)
                if method == "initialize":
                    http.headers["Mcp-Session-Id"] = answer.headers["mcp-session-id"]
                    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
                    await http.post(fronts.tools_url, json=ready)
            scraped = await http.get(fronts.tools_url.replace("/mcp", "/metrics"))
    lines = lines_of(stream.getvalue(), but=frozenset())
    assert {each["caller"] for each in lines} == {"ada"}
    assert [(each["route"], each["status"], each["space"]) for each in lines] == [
        ("MCP initialize", 200, None),
        ("MCP ping", 200, None),
        ("MCP tools/list", 200, None),
        ("MCP prompts/list", 404, None),
        ("MCP resources/templates/list", 200, None),
        ("MCP resources/list", 200, None),
        ("MCP", 404, None),
        ("MCP tools/list", 400, None),
        ("GET /metrics", 200, None),
    ]
    assert counts_of(scraped.text) == {
        ("", "initialize"): 1,
        ("", "ping"): 1,
        ("", "tools_list"): 2,
        ("", "prompts_list"): 1,
        ("", "resources_templates_list"): 1,
        ("", "spaces"): 1,
    }
    assert [each.action for each in audit.lines] == ["MCP resources/list", "GET /metrics"]


@ON_ASYNCIO
async def test_metrics_are_those_of_the_store_where_it_is_open_here(serve: Serve) -> None:
    """What a server measures it tells itself."""
    for is_remote in (False, True):
        with serve(None, None, is_remote=is_remote) as fronts:
            async with Client(fronts.tools_url) as client:
                await client.call_tool("remember", {"content": "x", "space": "notes"})
            async with httpx2.AsyncClient() as http:
                scraped = await http.get(fronts.tools_url.replace("/mcp", "/metrics"))
        assert scraped.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        families = {each.name: each for each in text_string_to_metric_families(scraped.text)}
        assert all(each.documentation and each.type != "unknown" for each in families.values())
        told = {
            sample.name: sample.value
            for each in families.values()
            for sample in each.samples
            if sample.labels.get("memory_space") in {"notes", None}
        }
        assert told.get("engram_memories") == (None if is_remote else 1)
        assert told["engram_requests_under_way"] == 1
        assert told["engram_rate_limited_total"] == 0


@ON_ASYNCIO
async def test_what_a_server_is_asked_is_correlated_with_the_call(serve: Serve) -> None:
    """By what its caller calls it; without it the call is a matter of its own."""
    stream = io.StringIO()
    headers = {"X-Request-Id": "r-1", "X-Correlation-Id": "c-1"}
    with logged(stream) as logger, serve(None, logger, is_remote=True) as fronts:
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(fronts.tools_url, http_client=http)) as client,
        ):
            await client.call_tool("remember", {"content": "x"})
        async with Client(fronts.tools_url) as client:
            await client.call_tool("remember", {"content": "y"}, meta=IN_TRACE)
            await client.call_tool("remember", {"content": "z"})
    names = [(each["request_id"], each["correlation_id"]) for each in lines_of(stream.getvalue())]
    routes = [each["route"].split()[0] for each in lines_of(stream.getvalue())]
    assert routes == ["POST", "MCP"] * 3
    by_server, by_tools = names[::2], names[1::2]
    assert by_tools[0] == ("r-1", "c-1")
    assert by_tools[1][1] == TRACE
    assert by_tools[2][0] == by_tools[2][1] != "c-1"
    assert [each for _, each in by_server] == [each for _, each in by_tools]


@ON_ASYNCIO
async def test_who_is_let_in_holds_for_metrics_and_refusals_are_told(serve: Serve) -> None:
    """A key for all spaces; a name of this machine; not more often than may be."""
    stream, audit = io.StringIO(), Lines()
    admission = Admission(SystemClock(), Access([Keys()]), TokenBuckets(0.01, 2), audit)
    hosts = frozenset({"127.0.0.1"})
    with logged(stream) as logger, serve(admission, logger, hosts) as fronts:
        url = fronts.tools_url.replace("/mcp", "/metrics")
        async with httpx2.AsyncClient() as http:
            answers = [
                await http.get(url, headers={"X-API-Key": "all"}),
                await http.get(url, headers={"X-API-Key": "some"}),
                await http.get(url, headers={"X-API-Key": "all"}),
                await http.get(url, headers={"X-API-Key": "none"}),
                await http.get(url, headers={"X-API-Key": "all", "Host": "evil.example"}),
                await http.post(fronts.tools_url, json={}),
            ]
    assert [each.status_code for each in answers] == [200, 403, 429, 401, 403, 401]
    assert [each.json()["request_id"] for each in answers[1:]] == [
        each.request_id for each in audit.lines[1:]
    ]
    told = [(each["caller"], each["route"], each["status"]) for each in lines_of(stream.getvalue())]
    assert told == [
        ("ada", "GET /metrics", 200),
        ("bab", "GET /metrics", 403),
        ("ada", "GET /metrics", 429),
        (None, "MCP", 401),
        (None, "MCP", 403),
        (None, "MCP", 401),
    ]
    assert [(each.principal, each.action, each.status) for each in audit.lines] == told


async def test_a_call_that_is_cancelled_is_told_as_one() -> None:
    """And no name stays behind."""
    audit = Lines()
    calls = Calls(Admission(SystemClock(), None, None, audit), SystemClock(), "s")
    visit = calls.visit(Asked("MCP tools/call consolidate", "consolidate", "consolidate"))

    async def work() -> None:
        assert REQUEST.get() is visit
        assert dict(calls.own_metrics())["engram_requests_under_way"] == 1
        await anyio.sleep_forever()

    with anyio.move_on_after(0.01):
        await calls.carried_out(visit, work)
    assert REQUEST.get() is None
    assert [each.status for each in audit.lines] == [499]
    measured = dict(calls.own_metrics())
    assert measured["engram_requests_abandoned_total"] == 1
    assert measured["engram_requests_under_way"] == 0


async def test_a_call_is_a_span_within_that_of_its_caller() -> None:
    """What the caller did wrong is no failure of the server; a bug is one."""
    kept = KeptSpans()
    calls = Calls(Admission(SystemClock()), SystemClock(), "s", None, kept.tracer)
    asked = Asked("MCP tools/call stats", "stats", "stats", "tools/call", "stats", "7")
    visits = []
    for error in (None, InvalidRequest("wrong"), ValueError("a bug")):
        visits.append(calls.visit(asked, said={"traceparent": PARENT}))

        async def work(visit: Any = visits[-1], error: Exception | None = error) -> None:
            await calls.let_in(visit, Role.READER, "notes")
            if error is not None:
                raise error

        with pytest.raises(Refused) if error is not None else nullcontext():
            await calls.carried_out(visits[-1], work)
    done, wrong, bug = kept.take()
    assert {each.name for each in (done, wrong, bug)} == {asked.route}
    assert [parent_of(each) for each in (done, wrong, bug)] == [0x00F067AA0BA902B7] * 3
    assert facts_of(done) == {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "stats",
        "jsonrpc.request.id": "7",
        "memory_space": "notes",
        "request_id": "s-m1",
    }
    assert [each.status.is_unset for each in (done, wrong, bug)] == [True, True, False]
    assert Counter(each.correlation_id for each in visits) == {TRACE: 3}
    # Where the SDK has a span of its own, that of this process's provider, ours is within it.
    visit = calls.visit(asked, said={"traceparent": PARENT})
    with kept.tracer.span("tools/call stats"):
        await calls.carried_out(visit, checkpoint)
    spans = kept.take()
    outer = one("tools/call stats", spans).get_span_context()
    assert outer is not None
    assert parent_of(one(asked.route, spans)) == outer.span_id


@ON_ASYNCIO
async def test_on_standard_streams_lines_go_to_standard_error(
    launch: Launch, tmp_path: Path
) -> None:
    """And the audit, the spans and the limit of how often follow the settings as for a server."""
    said, audit = tmp_path / "stderr", tmp_path / "audit"
    with collector() as found, said.open("w+") as stream:
        started = launch(
            ENGRAM_LOG_FORMAT="json",
            ENGRAM_AUDIT_LOG=str(audit),
            ENGRAM_TRACES=found.url,
            ENGRAM_RATE_LIMIT="0.01",
            ENGRAM_RATE_BURST="2",
            ENGRAM_KERNELS="numpy",
        )
        async with Client(stdio_client(started, errlog=stream)) as client:
            await client.call_tool("remember", {"content": "x"}, meta=IN_TRACE)
            await client.call_tool("stats", {})
            limited = await client.call_tool("stats", {})
    assert limited.structured_content["code"] == "RATE_LIMITED"
    lines = lines_of(said.read_text())
    told = [(each["route"], each["status"]) for each in lines]
    assert told == [
        ("MCP tools/call remember", 200),
        ("MCP tools/call stats", 200),
        ("MCP tools/call stats", 429),
    ]
    written = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [each["request_id"] for each in written] == [each["request_id"] for each in lines]
    assert {each["principal"] for each in written} == {None}
    (call,) = found.named("MCP tools/call remember")
    assert attributes_of(call)["memory_space"] == "default"
    assert call.trace_id.hex() == TRACE
    (sync,) = [each for each in found.named("log sync") if "space remember" in found.within(each)]
    assert found.within(sync)[-1] == "MCP tools/call remember"
