"""A memory block of LlamaIndex remembers what leaves the chat, and brings it back."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, MessageRole, TextBlock
from llama_index.core.memory import Memory
from llama_index.core.storage.chat_store.base_db import MessageStatus
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

import engram.sync
from engram.integrations.llamaindex import EngramMemoryBlock
from engram.model.errors import InvalidRequest
from engram.service.space import Space
from engram.service.store import Engram

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests on the one event loop that LlamaIndex knows."""
    return "asyncio"


def user(text: str) -> ChatMessage:
    """Return what a user says."""
    return ChatMessage(role=MessageRole.USER, content=text)


def assistant(text: str) -> ChatMessage:
    """Return what is answered."""
    return ChatMessage(role=MessageRole.ASSISTANT, content=text)


async def test_what_left_the_chat_comes_back_when_it_is_asked_for(space: Space) -> None:
    """The memory of LlamaIndex holds some 56 tokens of chat; the first turns have left it."""
    block = EngramMemoryBlock(space=space, limit=2)
    chat = create_async_engine("sqlite+aiosqlite:///:memory:", poolclass=StaticPool)
    memory = Memory.from_defaults(
        session_id="ada",
        token_limit=80,
        token_flush_size=20,
        memory_blocks=[block],
        async_engine=chat,
    )
    try:
        await memory.aput(user("my dog is called Turing and he likes long walks by the river"))
        await memory.aput(assistant("what a good name for a dog, Turing it is then, noted"))
        for at in range(5):
            await memory.aput(user(f"number {at}: tell me something about the weather please"))
            await memory.aput(assistant(f"number {at}: it rains, and then it rains a little more"))
        kept = await memory.aget_all(status=MessageStatus.ACTIVE)
        assert not any("Turing" in str(message.content) for message in kept)

        shown = await memory.aget(input="what is my dog called?")
        assert shown[0].role == MessageRole.SYSTEM
        assert "my dog is called Turing" in str(shown[0].content)
    finally:
        await chat.dispose()


async def test_a_session_shows_nothing_of_another(db: Engram, space: Space) -> None:
    block = EngramMemoryBlock(space=space)
    for session in ("ada", "bob"):
        await block.aput([user(f"the secret of {session}")], session_id=session)
    await space.remember("a secret of nobody")
    asked = [user("what is the secret?")]
    assert await block.aget(asked, session_id="ada") == "the secret of ada"
    assert await block.aget(asked, session_id="eve") == ""
    assert await block.aget(asked) == ""
    everywhere = EngramMemoryBlock(space=space, across_sessions=True)
    assert len((await everywhere.aget(asked, session_id="ada")).splitlines()) == 3
    elsewhere = EngramMemoryBlock(space=await db.space("other"))
    assert await elsewhere.aget(asked, session_id="ada") == ""


async def test_a_message_is_kept_once_with_its_role_and_its_words_alone(space: Space) -> None:
    block = EngramMemoryBlock(space=space)
    picture = ChatMessage(
        role=MessageRole.USER, blocks=[TextBlock(text="look"), ImageBlock(url="http://a/b.png")]
    )
    silent = ChatMessage(role=MessageRole.USER, blocks=[ImageBlock(url="http://a/b.png")])
    for _ in range(2):
        await block.aput([picture, silent, assistant("I see")], session_id="ada")
    found = list(await space.list())
    assert [memory.content for memory in found] == ["look", "I see"]
    assert [(memory.metadata or {})["role"] for memory in found] == ["user", "assistant"]
    assert {memory.session for memory in found} == {"ada"}


async def test_what_the_user_said_last_is_the_cue(space: Space) -> None:
    block = EngramMemoryBlock(space=space, context_messages=1, limit=1)
    await block.aput([user("tea is nice"), user("rain is wet")], session_id="ada")
    asked = [user("tea tea tea"), user("rain"), assistant("tea, then?")]
    assert await block.aget(asked, session_id="ada") == "rain is wet"
    assert await block.aget([ChatMessage(role=MessageRole.USER)], session_id="ada") == ""
    assert await block.aget([], session_id="ada") == ""


async def test_the_least_asked_for_is_truncated_first(space: Space) -> None:
    block = EngramMemoryBlock(space=space)
    assert await block.atruncate("one two three\nfour five\nsix", 2) == "one two three"
    assert await block.atruncate("one two three", 1) is None


def test_a_store_without_await_serves_any_loop(waited: engram.sync.Space) -> None:
    """Methods of LlamaIndex without `await` run a loop of their own each time."""
    block = EngramMemoryBlock(space=waited)
    asyncio.run(block.aput([user("my dog is called Turing")], session_id="ada"))
    shown = asyncio.run(block.aget([user("what is my dog called?")], session_id="ada"))
    assert shown == "my dog is called Turing"


def test_what_is_no_space_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="int is no memory space"):
        EngramMemoryBlock(space=1)
