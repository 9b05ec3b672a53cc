"""A memory block of LlamaIndex over a memory space: `Memory.from_defaults(memory_blocks=[...])`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from engram.integrations.bridge import Bridge, recalled
from engram.integrations.extras import extra
from engram.model.limits import CONTENT_BYTES_MAX
from engram.service.space import Space

with extra("llamaindex"):
    from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
    from llama_index.core.memory import BaseMemoryBlock
    from pydantic import Field, PrivateAttr

if TYPE_CHECKING:
    from engram.service.preparing import NewMemory

_SOURCE: Final = "llamaindex"
_SESSION: Final = "session_id"
_ROLE: Final = "role"
_CHARACTER_BYTES_MAX: Final = 4


class EngramMemoryBlock(BaseMemoryBlock[str]):
    """Remembers what leaves the short-term memory, and recalls what the conversation is about.

    Each message that has text becomes one memory of its session. What is put into the prompt are
    the texts that the user's last messages bring to mind, best first, a line each. The same message
    put again in one session is one memory, seen again.
    """

    name: str = "engram"
    description: str | None = "What was said before that the conversation brings to mind."
    space: Any = Field(exclude=True)
    """A space of `engram.open`, `engram.connect` or `engram.sync`."""
    limit: int = 5
    """1 to 1,000 memories at most."""
    context_messages: int = Field(default=1, ge=1)
    """How many of the last messages of the user are the cue."""
    across_sessions: bool = False
    """Whether memories of other sessions, and of none, are recalled, too. A space of several users
    needs False, or `arguments` that keep them apart."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What `Space.recall` takes besides: filters, `mode`, `reinforce`."""
    _bridge: Bridge = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Take the space; InvalidRequest when it is none."""
        super().model_post_init(context)
        self._bridge = Bridge(self.space)

    async def _aget(
        self,
        messages: list[ChatMessage] | None = None,
        session_id: str | None = None,
        **block_kwargs: Any,
    ) -> str:
        del block_kwargs  # meant for other blocks
        asked = [message for message in messages or () if message.role == MessageRole.USER]
        texts = [_text(message) for message in asked[-self.context_messages :]]
        cue = "\n".join(text for text in texts if text)
        if not cue:
            return ""
        arguments = dict(self.arguments)
        if not self.across_sessions:
            if session_id is None:
                return ""  # nothing is known to belong to who asks
            arguments["sessions"] = [session_id]
        hits = await self._bridge.arun(lambda space: recalled(space, cue, self.limit, **arguments))
        return "\n".join(" ".join(hit.memory.content.split()) for hit in hits)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        said = [item for item in map(_memory, messages) if item is not None]

        async def put(space: Space) -> None:
            await space.remember_many(cast("list[NewMemory | str]", said))

        if said:
            await self._bridge.arun(put)

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """Leave out what is the least asked for, at least so many tokens of it; None for all.

        A line is counted as one token a word, which it is never less than.
        """
        lines: Sequence[str] = content.splitlines()
        while lines and tokens_to_truncate > 0:
            tokens_to_truncate -= len(lines[-1].split())
            lines = lines[:-1]
        return "\n".join(lines) or None


def _text(message: ChatMessage) -> str:
    parts = [block.text for block in message.blocks if isinstance(block, TextBlock)]
    return "\n".join(part for part in parts if part.strip())


def _memory(message: ChatMessage) -> dict[str, Any] | None:
    """Return the memory that a message is, None when it says nothing in words."""
    text = _text(message)[: CONTENT_BYTES_MAX // _CHARACTER_BYTES_MAX]
    if not text.strip():
        return None
    return {
        "content": text,
        "source": _SOURCE,
        "session": message.additional_kwargs.get(_SESSION),
        "metadata": {_ROLE: str(message.role.value)},
    }
