"""A session of the OpenAI Agents SDK keeps what was said, in order, and over a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import pytest
from agents import (
    Agent,
    Model,
    ModelResponse,
    RunConfig,
    Runner,
    SessionSettings,
    SQLiteSession,
    TResponseInputItem,
    Usage,
    function_tool,
)
from agents.memory import Session
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

import engram
import engram.sync
from engram.integrations.openai_agents import EngramSession
from engram.model.errors import InvalidRequest
from engram.service.space import Space
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.stores import HistoryClock, simulated_store

pytestmark = pytest.mark.anyio

CALL = {"type": "function_call", "call_id": "1", "name": "add", "arguments": '{"a": 1}'}
OUTPUT = {"type": "function_call_output", "call_id": "1", "output": '\ud800 é " \\ 漢' * 9_000}


def said(*texts: str) -> list[TResponseInputItem]:
    """Return what a user said."""
    return [{"role": "user", "content": text} for text in texts]


@pytest.fixture
async def session(space: Space, clock: HistoryClock) -> EngramSession:
    """A session nothing was said in, where all is said in one moment."""
    return EngramSession("ada", space, clock=clock)


async def test_it_is_a_session_of_the_sdk(session: EngramSession) -> None:
    assert isinstance(session, Session)
    assert session.session_settings == SessionSettings()


async def test_it_does_what_the_session_of_the_sdk_does(
    session: EngramSession, anyio_backend: str
) -> None:
    if anyio_backend == "trio":
        pytest.skip("the session of the SDK runs under asyncio alone")
    theirs = SQLiteSession("ada")
    for one in (session, theirs):
        assert await one.get_items() == []
        assert await one.pop_item() is None
        await one.add_items([])
        await one.add_items(said("hello", "hello"))
        await one.add_items([*said("hello"), cast("TResponseInputItem", CALL)])
    everything = await theirs.get_items()
    assert await session.get_items() == everything
    for limit in (0, 1, 3, 9):
        assert await session.get_items(limit) == await theirs.get_items(limit)
    for one in (session, theirs):
        assert await one.pop_item() == CALL
        assert await one.pop_item() == {"role": "user", "content": "hello"}
        await one.add_items(said("last"))
        assert await one.get_items() == said("hello", "hello", "last")
        await one.clear_session()
        await one.clear_session()
        assert await one.get_items() == []
    theirs.close()


async def test_an_item_larger_than_a_memory_comes_back_whole(session: EngramSession) -> None:
    items = [*said("before"), cast("TResponseInputItem", OUTPUT), *said("behind")]
    await session.add_items(items)
    assert await session.get_items() == items
    assert await session.pop_item() == items[2]
    assert await session.pop_item() == OUTPUT
    assert await session.get_items() == items[:1]


async def test_sessions_show_each_other_nothing(session: EngramSession, space: Space) -> None:
    other = EngramSession("bob", space)
    await space.remember("something else was said", session="ada")
    await session.add_items(said("of ada"))
    await other.add_items(said("of bob"))
    await other.clear_session()
    assert await session.get_items() == said("of ada")
    assert await other.get_items() == []


async def test_many_tasks_lose_nothing(session: EngramSession) -> None:
    async with anyio.create_task_group() as tasks:
        for at in range(10):
            tasks.start_soon(session.add_items, said(f"{at} a", f"{at} b"))
    items = cast("list[dict[str, str]]", await session.get_items())
    texts = [item["content"] for item in items]
    assert sorted(texts) == [f"{at} {which}" for at in range(10) for which in "ab"]
    assert [text[2] for text in texts] == ["a", "b"] * 10


async def test_what_was_said_is_recalled(session: EngramSession, space: Space) -> None:
    await session.add_items(said("my dog is called Turing", "what a day"))
    (hit,) = await space.recall("what is the dog called?", limit=1)
    assert (hit.memory.content, hit.memory.session) == ("my dog is called Turing", "ada")


async def test_what_is_no_item_or_no_name_is_refused(session: EngramSession, space: Space) -> None:
    with pytest.raises(InvalidRequest, match="JSON"):
        await session.add_items([*said("a"), cast("TResponseInputItem", {"content": {1, 2}})])
    assert await session.get_items() == []
    for name in ("", "n" * 129):
        with pytest.raises(InvalidRequest, match="1 to 128 characters"):
            EngramSession(name, space)


async def test_a_store_without_await_keeps_a_session_too(waited: engram.sync.Space) -> None:
    session = EngramSession("ada", waited)
    await session.add_items(said("one", "two"))
    assert await session.get_items(1) == said("two")


async def test_a_server_keeps_a_session_too(served: str) -> None:
    items = [*said("one", "one"), cast("TResponseInputItem", OUTPUT)]
    async with engram.connect(served) as db:
        session = EngramSession("ada", await db.space("agents"))
        assert await session.get_items() == []
        await session.add_items(items)
    async with engram.connect(served) as db:
        session = EngramSession("ada", await db.space("agents"))
        assert await session.get_items() == items
        assert await session.pop_item() == OUTPUT
        await session.clear_session()
        assert await session.get_items() == []


class EchoModel(Model):
    """A model that calls a tool once, then says how many items it was given."""

    def __init__(self) -> None:
        self.inputs: list[list[Any]] = []

    async def get_response(self, *arguments: Any, **named: Any) -> ModelResponse:
        """Answer from what it was given alone."""
        given = arguments[1] if len(arguments) > 1 else named["input"]
        items: list[Any] = [given] if isinstance(given, str) else list(given)
        self.inputs.append(items)
        output: ResponseFunctionToolCall | ResponseOutputMessage
        if not any(item.get("type") == "function_call_output" for item in items):
            output = ResponseFunctionToolCall(
                type="function_call", call_id="call", name="today", arguments="{}"
            )
        else:
            text = ResponseOutputText(
                type="output_text", text=f"given {len(items)} items", annotations=[]
            )
            output = ResponseOutputMessage(
                id=f"m{len(items)}",
                type="message",
                role="assistant",
                status="completed",
                content=[text],
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        """Refuse: the test streams nothing."""
        raise NotImplementedError


@function_tool
def today() -> str:
    """Return a day."""
    return "Sunday"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_runner_goes_on_after_a_restart(
    anyio_backend: str,  # noqa: ARG001 - the SDK runs under asyncio alone
) -> None:
    disk, model = SimulatedFilesystem(), EchoModel()
    agent = Agent(name="echo", model=model, tools=[today])
    config = RunConfig(tracing_disabled=True)
    answers = []
    for text in ("what day is it?", "and tomorrow?"):
        async with simulated_store(disk, embedder=HashingEmbedder()) as db:
            session = EngramSession("ada", await db.space("agents"))
            done = await Runner.run(agent, text, session=session, run_config=config)
            answers.append(done.final_output)
            kept = cast("list[dict[str, Any]]", await session.get_items())
    assert answers == ["given 3 items", "given 5 items"]
    assert [item.get("type", item.get("role")) for item in kept] == [
        "user", "function_call", "function_call_output", "message", "user", "message",
    ]  # fmt: skip
    assert kept[2]["output"] == "Sunday"
    assert model.inputs[-1] == kept[:5]
