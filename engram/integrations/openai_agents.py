"""A session of the OpenAI Agents SDK in a memory space: `Runner.run(agent, "...", session=...)`.

Rule 1: an item is one memory, or as many as its JSON takes; the metadata holds the JSON, the
content what a person would say it says.
Rule 2: items come back in the order they were added, which is that of their times.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.integrations.bridge import Bridge, every
from engram.integrations.extras import extra
from engram.model.errors import InvalidRequest
from engram.model.limits import CONTENT_BYTES_MAX, LABEL_CHARACTERS_MAX, METADATA_BYTES_MAX
from engram.model.memory import Memory, to_datetime
from engram.ports import Clock
from engram.service.space import Space

with extra("openai-agents"):
    from agents import SessionSettings, TResponseInputItem

if TYPE_CHECKING:
    from engram.integrations.bridge import AnySpace
    from engram.service.preparing import NewMemory

_SOURCE: Final = "openai-agents"
# ASCII as JSON within JSON: a character takes two bytes at worst, and the rest needs room.
_PART_CHARACTERS_MAX: Final = METADATA_BYTES_MAX // 2 - 128
_CONTINUED: Final = "continued"
_ITEM_BYTES: Final = 8
_CHARACTER_BYTES_MAX: Final = 4
_MICROSECOND: Final = timedelta(microseconds=1)


class EngramSession:
    """The items of one conversation, kept in order, durable when `add_items` returns.

    They are memories of the space with this session: `space.recall` finds them, too, and with
    `session=` of recall they are what was said just now. `Session` of the SDK is its type.

    Args:
        session_id: 1 to 128 characters; sessions of one space show each other nothing.
        space: of `engram.open`, `engram.connect` or `engram.sync`.
        settings: `limit`, how many of the latest items a run is given; None: all.
        clock: tells when an item was said.
    """

    def __init__(
        self,
        session_id: str,
        space: AnySpace,
        *,
        settings: SessionSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not 1 <= len(session_id) <= LABEL_CHARACTERS_MAX:
            raise InvalidRequest(
                f"session_id must be text of 1 to {LABEL_CHARACTERS_MAX} characters"
            )
        self.session_id = session_id
        self.session_settings: SessionSettings | None = settings or SessionSettings()
        self._bridge = Bridge(space)
        self._clock, self._entropy = clock or SystemClock(), SystemEntropy()

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return the items in the order they were added; with a `limit` the latest so many.

        Raises:
            What `Space.list` raises.
        """
        if limit is None and self.session_settings is not None:
            limit = self.session_settings.limit
        said = await self._bridge.arun(self._said)
        chosen = said if limit is None else said[max(0, len(said) - limit) :]
        return [_item(memories) for memories in chosen]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add items behind the others, all of them or none.

        Raises:
            InvalidRequest: an item is no JSON; nothing was added.
            What `Space.remember_many` raises.
        """
        if not items:
            return
        encoded = [_encoded(item) for item in items]

        async def add(space: Space) -> None:
            said = await self._said(space)
            last = said[-1][-1].occurred_at if said else None
            await space.remember_many(
                cast("list[NewMemory | str]", self._memories(items, encoded, last))
            )

        await self._bridge.arun(add, alone=True)

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the latest item away and return it; None when there is none.

        Raises:
            What `Space.forget_many` raises.
        """

        async def pop(space: Space) -> TResponseInputItem | None:
            said = await self._said(space)
            if not said:
                return None
            await space.forget_many([memory.id for memory in said[-1]])
            return _item(said[-1])

        return await self._bridge.arun(pop, alone=True)

    async def clear_session(self) -> None:
        """Take all items away.

        Raises:
            What `Space.forget_many` raises.
        """

        async def clear(space: Space) -> None:
            said = await self._said(space)
            if said:
                await space.forget_many([memory.id for item in said for memory in item])

        await self._bridge.arun(clear, alone=True)

    async def _said(self, space: Space) -> list[list[Memory]]:
        """Return the memories of each item, in order."""
        memories = await every(space, sessions=[self.session_id], sources=[_SOURCE])
        items: dict[str, list[Memory]] = {}
        for memory in sorted(memories, key=lambda memory: memory.occurred_at):
            own = _own(memory)
            if own:
                items.setdefault(own["item"], []).append(memory)
        return list(items.values())

    def _memories(
        self, items: Sequence[TResponseInputItem], encoded: Sequence[str], last: datetime | None
    ) -> list[dict[str, Any]]:
        """Return memories with times of their own, so that what is said twice is there twice."""
        moment = to_datetime(self._clock.now())
        if last is not None:
            moment = max(moment, last + _MICROSECOND)
        found: list[dict[str, Any]] = []
        for item, whole in zip(items, encoded, strict=True):
            text = _text(cast("Mapping[str, Any]", item)) or whole
            content = text[: CONTENT_BYTES_MAX // _CHARACTER_BYTES_MAX]
            name = self._entropy.token(_ITEM_BYTES).hex()
            for at in range(0, len(whole), _PART_CHARACTERS_MAX):
                own = {"item": name, "json": whole[at : at + _PART_CHARACTERS_MAX]}
                found.append(
                    {
                        "content": _CONTINUED if at else content,
                        "session": self.session_id,
                        "source": _SOURCE,
                        "occurred_at": moment + len(found) * _MICROSECOND,
                        "metadata": {_SOURCE: own},
                    }
                )
        return found


def _encoded(item: TResponseInputItem) -> str:
    try:
        return json.dumps(item, ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"an item of a session cannot be written as JSON: {error}") from error


def _own(memory: Memory) -> Mapping[str, Any]:
    return (memory.metadata or {}).get(_SOURCE) or {}


def _item(memories: Sequence[Memory]) -> TResponseInputItem:
    whole = "".join(_own(memory)["json"] for memory in memories)
    return cast("TResponseInputItem", json.loads(whole))


def _text(item: Mapping[str, Any]) -> str:
    """Return what an item says: its text, its output, or which tool is called with what."""
    return _said_by(item).encode("utf-8", "replace").decode()


def _said_by(item: Mapping[str, Any]) -> str:
    if "arguments" in item and "name" in item:
        return f"{item['name']}({item['arguments']})"
    said = item.get("content", item.get("output", item.get("summary", "")))
    if isinstance(said, str):
        return said
    if isinstance(said, list):
        texts = (part.get("text") for part in said if isinstance(part, Mapping))
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""
