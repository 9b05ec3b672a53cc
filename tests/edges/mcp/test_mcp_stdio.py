"""`engram mcp` as a host starts it: a process that is spoken to through its standard streams."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from mcp import Client

from engram.wiring import open_store

if TYPE_CHECKING:
    from tests.edges.mcp.conftest import Launch

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """One loop: what is tested runs in processes of its own, and the scenarios run on both."""
    return "asyncio"


# Concepts are formed of what is alike by meaning, and here only when a test asks for it.
THINKING = {"ENGRAM_EMBEDDER": "static", "ENGRAM_CONSOLIDATION": "off"}


async def test_what_an_agent_remembers_is_there_for_the_next(launch: Launch) -> None:
    """In the space that `--space` or the environment names, unless a call names another."""
    async with Client(launch("--space", "notes")) as client:
        assert client.server_info is not None
        assert client.server_info.name == "engram"
        done = await client.call_tool("remember", {"content": "The kettle is blue."})
        assert done.structured_content["space"] == "notes"
        await client.call_tool("remember", {"content": "elsewhere", "space": "other"})
    async with Client(launch(ENGRAM_MEMORY_SPACE="notes")) as client:
        found = await client.call_tool("recall", {"query": "kettle"})
        (hit,) = found.structured_content["recollections"]
        assert hit["memory"]["content"] == "The kettle is blue."
        listed = await client.call_tool("list", {"space": "other"})
        assert listed.structured_content["total"] == 1


async def test_long_work_tells_how_far_it_is(launch: Launch) -> None:
    """Numbers that grow, up to all there is."""
    told: list[tuple[float, float | None]] = []

    async def take(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001 - as called
        told.append((progress, total))

    texts = [{"content": f"Ada drank tea {n} times in London"} for n in range(250)]
    async with Client(launch(**THINKING)) as client:
        await client.call_tool("remember", {"memories": texts}, progress_callback=take)
        whole, told[:] = [*told], []
        done = await client.call_tool("consolidate", {}, progress_callback=take)
    assert whole == [(250, 250)]
    assert done.structured_content["episodes"] == 250
    steps = [each for each, _ in told]
    assert steps == sorted(set(steps))
    assert steps[-1] == told[-1][1] == 250
    assert len(steps) > 1


async def test_a_cancelled_call_ends_its_work(launch: Launch) -> None:
    """What was stored by then stays, the rest is not, and the next call is answered."""
    texts = [{"content": f"Ada drank tea {n} times in London"} for n in range(3_000)]
    async with Client(launch(**THINKING)) as client:
        await client.call_tool("remember", {"memories": texts})
        reached = anyio.Event()

        async def take(progress: float, total: float | None, message: str | None) -> None:  # noqa: ARG001 - as called
            if progress < (total or 0):
                reached.set()

        async with anyio.create_task_group() as tasks:

            async def consolidate() -> None:
                await client.call_tool("consolidate", {}, progress_callback=take)
                raise AssertionError("it was over before it could be cancelled")

            tasks.start_soon(consolidate)
            with anyio.fail_after(60):
                await reached.wait()
            tasks.cancel_scope.cancel()
        # The next one goes on where that one ended, so work was left.
        left = await client.call_tool("consolidate", {"episodes_max": 100})
        assert left.structured_content["episodes"] == 100


async def test_a_store_that_another_has_is_told_and_tried_again(
    launch: Launch, tmp_path: Path
) -> None:
    """The process lives on: hosts show little of one that died."""
    async with Client(launch()) as client:
        # It opened the store before it was asked; let it find it taken at the next attempt.
        await client.call_tool("stats", {})
    async with open_store(tmp_path / "store", embedder=None), Client(launch()) as client:
        refused = await client.call_tool("stats", {})
        assert refused.is_error
        assert refused.structured_content["code"] == "CONFLICT"
        assert refused.structured_content["error"] == "StoreInUse"
        assert len((await client.list_tools()).tools) == 10
    async with Client(launch()) as client:
        assert not (await client.call_tool("stats", {})).is_error


async def test_it_asks_the_server_that_has_the_store_and_does_without_it_later(
    launch: Launch, tmp_path: Path
) -> None:
    path = str(tmp_path / "store")
    program = [sys.executable, "-m", "engram"]
    place = ["--data", path, "--config", "off"]
    started = [*program, "start", "--port", "0", "--detach", *place]
    stopped = [*program, "stop", *place]
    await anyio.run_process(started, env={"ENGRAM_EMBEDDER": "none"})
    try:
        async with Client(launch()) as client, Client(launch()) as other:
            await client.call_tool("remember", {"content": "The kettle is blue."})
            # Two hosts share what a server has.
            found = await other.call_tool("recall", {"query": "kettle"})
            assert len(found.structured_content["recollections"]) == 1
            await anyio.run_process(stopped)
            refused = await client.call_tool("stats", {})
            assert refused.structured_content["code"] == "UNAVAILABLE"
            # Now it opens the store itself.
            assert (await client.call_tool("stats", {})).structured_content["memories"] == 1
    finally:
        await anyio.run_process(stopped, check=False)


async def test_nothing_but_messages_is_written_to_standard_output(tmp_path: Path) -> None:
    """A host reads every line of it as a message."""
    command = [sys.executable, "-m", "engram", "mcp", "--data", str(tmp_path), "--config", "off"]
    done = await anyio.run_process(
        command, input=b"", stderr=subprocess.PIPE, env={"ENGRAM_EMBEDDER": "none"}
    )
    assert done.stdout == b""
    assert done.stderr == b""
