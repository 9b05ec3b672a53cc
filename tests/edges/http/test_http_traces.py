"""Spans of requests: the verb, the commit, the sync, the kernels of each, and its caller's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from starlette.routing import Router

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.edges.client.opening import open_remote
from engram.edges.http.app import make_app
from engram.edges.http.door import Host
from engram.wiring import open_store
from tests.edges.http.collectors import attributes_of, collector
from tests.edges.http.socket_peers import opened
from tests.kept_spans import KeptSpans, context_of, facts_of, one, parent_of, way

pytestmark = pytest.mark.anyio
ROOT = "/api/v1/memories"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Traced(KeptSpans):
    """A client of an application whose spans are kept."""

    client: httpx2.AsyncClient
    app: Router


@asynccontextmanager
async def traced(path: Path) -> AsyncIterator[Traced]:
    """Serve a store of its own."""
    found = Traced()
    async with open_store(path, embedder=None, kernels="numpy", tracer=found.tracer) as db:
        found.app = make_app(Host(db, "1", "s", SystemClock()))
        transport = httpx2.ASGITransport(found.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as found.client:
            yield found


async def test_a_write_and_a_recall_are_traced_to_the_disk_and_the_kernels(tmp_path: Path) -> None:
    """Every span says of which space it is."""
    async with traced(tmp_path) as served:
        body = {"content": "the kettle is blue", "embedding": [1.0, 0.0]}
        names = {"X-Memory-Space": "notes", "X-Request-Id": "r-1"}
        assert (await served.client.post(ROOT, json=body, headers=names)).status_code == 201
        wrote = served.take()
        asked = {"query": "kettle", "embedding": [1.0, 0.0]}
        found = await served.client.post(f"{ROOT}/recall", json=asked, headers=names)
        assert len(found.json()["recollections"]) == 1
        read = served.take()
    request, verb = f"POST {ROOT}", "space remember"
    assert way(one("log sync", wrote), wrote) == ["engine commit", verb, request]
    assert way(one("engine commit", wrote), wrote) == [verb, request]
    assert facts_of(one(request, wrote)) == {
        "http.request.method": "POST",
        "http.route": ROOT,
        "http.response.status_code": 201,
        "memory_space": "notes",
        "request_id": "r-1",
    }
    verb, request = "space recall", f"POST {ROOT}/recall"
    kernels = [each for each in read if each.name.startswith("kernel ")]
    assert kernels
    assert [way(each, read) for each in kernels] == [[verb, request]] * len(kernels)
    assert facts_of(one(verb, read))["engram.candidates"] == 1
    stages = [each for each in read if each.name.startswith("stage ")]
    assert {each.name[6:] for each in stages} >= {"filter", "vectors", "words", "fuse", "memories"}
    assert [way(each, read) for each in stages] == [[verb, request]] * len(stages)
    times = sorted((each.end_time or 0, each.start_time or 0) for each in stages)
    whole = one(verb, read)
    assert (whole.start_time or 0) <= times[0][1] <= times[-1][0] <= (whole.end_time or 0)
    assert all(start <= end for end, start in times)
    for spans in (wrote, read):
        assert {facts_of(each)["memory_space"] for each in spans} == {"notes"}
        assert len({context_of(each).trace_id for each in spans}) == 1


async def test_a_commit_for_many_is_linked_to_all_of_them(tmp_path: Path) -> None:
    """Each write is in one commit; a commit is within one and linked to the rest."""
    count = 8
    async with traced(tmp_path) as served:
        await served.client.post(ROOT, json={"content": "the first"})
        served.take()

        async def write(number: int) -> None:
            await served.client.post(ROOT, json={"content": f"memory {number}"})

        async with anyio.create_task_group() as tasks:
            for number in range(count):
                tasks.start_soon(write, number)
        spans = served.take()
    verbs = {context_of(each).span_id for each in spans if each.name == "space remember"}
    commits = [each for each in spans if each.name == "engine commit"]
    links = [link.context.span_id for each in commits for link in each.links]
    assert (len(verbs), len(commits) < count) == (count, True)
    assert sorted(links) == sorted(verbs)
    for each in commits:
        assert parent_of(each) == each.links[0].context.span_id


async def test_a_trace_is_taken_over_and_correlates(tmp_path: Path) -> None:
    """Without one the server begins its own; a caller's correlation id stays what it is."""
    async with traced(tmp_path) as served:
        headers = {"traceparent": PARENT, "tracestate": "vendor=1"}
        first = await served.client.get("/api/v1/spaces", headers=headers)
        (taken,) = [each for each in served.take() if each.name == "GET /api/v1/spaces"]
        second = await served.client.get("/api/v1/spaces")
        (own,) = [each for each in served.take() if each.name == "GET /api/v1/spaces"]
        third = await served.client.get("/api/v1/spaces", headers={"X-Correlation-Id": "c"})
    assert taken.parent is not None
    assert f"{taken.parent.trace_id:032x}-{taken.parent.span_id:016x}" == PARENT[3:52]
    assert first.headers["x-correlation-id"] == TRACE
    assert own.parent is None
    assert second.headers["x-correlation-id"] == f"{context_of(own).trace_id:032x}"
    assert third.headers["x-correlation-id"] == "c"


async def test_what_the_caller_did_wrong_is_no_failure_of_the_server(tmp_path: Path) -> None:
    """The verb has the name of the error."""
    async with traced(tmp_path) as served:
        assert (await served.client.get(f"{ROOT}?space=nowhere")).status_code == 404
        spans = served.take()
    request, verb = one(f"GET {ROOT}", spans), one("space list", spans)
    assert (request.status.is_unset, verb.status.is_ok) == (True, False)
    assert facts_of(verb)["error.type"] == "SpaceNotFound"


async def test_each_message_of_a_websocket_is_a_request(tmp_path: Path) -> None:
    """Within the trace that its caller came with."""
    async with traced(tmp_path) as served, anyio.create_task_group() as tasks:
        headers = {"traceparent": PARENT, "x-request-id": "r"}
        peer = opened(served, tasks, headers=headers)
        await peer.until("welcome")
        peer.say("remember", 1, content="the kettle is blue")
        await peer.until("remembered")
        peer.say("recall", 2, query="kettle")
        await peer.until("recalled")
        peer.leave()
    spans = served.take()
    opening = facts_of(one("GET /api/v1/stream", spans))
    assert (opening["http.response.status_code"], opening["memory_space"]) == (101, "default")
    wrote, asked = (one(f"POST {ROOT}/{verb}", spans) for verb in ("remember", "recall"))
    assert way(one("log sync", spans), spans)[-1] == wrote.name
    assert [facts_of(each)["request_id"] for each in (wrote, asked)] == ["r.1", "r.2"]
    assert [facts_of(each)["http.response.status_code"] for each in (wrote, asked)] == [201, 200]
    assert {f"{context_of(each).trace_id:032x}" for each in spans} == {TRACE}


async def test_nothing_is_traced_in_the_background(tmp_path: Path) -> None:
    """What no request asked for begins no trace of its own."""
    async with traced(tmp_path) as served:
        for number in range(3):
            await served.client.post(ROOT, json={"content": f"a memory {number}", "tags": ["x"]})
        roots = {each.name for each in served.take() if each.parent is None}
        assert roots == {f"POST {ROOT}"}
        await anyio.sleep(0.05)  # links are made meanwhile
    assert [each.name for each in served.take() if each.parent is None] == []


def serve(path: Path, url: str) -> subprocess.Popen[str]:
    """Return a server of a store that tells a collector."""
    command = [
        *(sys.executable, "-m", "engram", "start", "--port", "0", "--json"),
        *("--data", str(path)),
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        "ENGRAM_EMBEDDER": "none",
        "ENGRAM_KERNELS": "numpy",
        "ENGRAM_TRACES": url,
    }
    return subprocess.Popen(  # noqa: S603 - our own program
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    )


async def test_a_collector_receives_what_a_client_and_its_server_do(tmp_path: Path) -> None:
    """One trace over both: the client's request, the server's within it, and so on to the disk."""
    kept = KeptSpans()
    tracer = kept.tracer
    with collector() as found, serve(tmp_path / "store", found.url) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            parts = SystemClock(), SystemEntropy(), tracer
            async with open_remote(url, None, 30, *parts) as db:
                space = await db.space("notes")
                with tracer.span("the caller's"):
                    await space.remember("the kettle is blue", embedding=[1.0, 0.0])
                    assert len(await space.recall("kettle", embedding=[1.0, 0.0])) == 1
            process.send_signal(signal.SIGTERM)
            _, error = await anyio.to_thread.run_sync(process.communicate)
        finally:
            process.kill()
    assert process.returncode == 0, error
    assert found.services == {"engram"}
    asked: dict[bytes, Any] = {
        context_of(each).span_id.to_bytes(8, "big"): each for each in kept.take()
    }
    for path, verb in ((ROOT, "space remember"), (f"{ROOT}/recall", "space recall")):
        (request,) = found.named(f"POST {path}")
        (done,) = found.named(verb)
        caller = asked[request.parent_span_id]
        assert (caller.name, request.trace_id) == (
            "POST",
            context_of(caller).trace_id.to_bytes(16, "big"),
        )
        assert found.within(done) == [request.name]
        assert attributes_of(request)["memory_space"] == "notes"
    (sync,) = [each for each in found.named("log sync") if "space remember" in found.within(each)]
    assert found.within(sync) == ["engine commit", "space remember", f"POST {ROOT}"]
    kernels = [each for each in found.spans if each.name.startswith("kernel ")]
    assert "space recall" in {found.within(each)[0] for each in kernels}
    assert {attributes_of(each)["memory_space"] for each in kernels} == {"notes"}
