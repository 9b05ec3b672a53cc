"""Memories as mem0 shows them, and back.

Rule 1: what mem0 calls a payload is the metadata; what is not the caller's stands under `mem0`, as
in memories that an export of mem0 was imported as, which are shown like any other.
Rule 2: a memory whose last day is over is not shown, and can still be changed; the engine's own
expiry, after which nothing can, is not used.
Rule 3: the id is ours and stays when the memory is corrected; that of the engine does not.
The shapes are those of mem0ai 2.2 (mem0/memory/main.py, mem0/configs/base.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from engram.integrations.mem0_filters import SCOPES
from engram.model.memory import Memory

OWN: Final = "mem0"
_EXPIRES: Final = "expiration_date"
_PROMOTED: Final = (*SCOPES, "actor_id", "role", "attributed_to", _EXPIRES)
_IDENTITY: Final = (*SCOPES, "actor_id")


def own_of(memory: Memory) -> dict[str, Any]:
    """Return what is known of a memory besides the caller's metadata."""
    own = (memory.metadata or {}).get(OWN)
    return dict(own) if isinstance(own, Mapping) else {}


def metadata_of(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the caller's metadata without what tells whose a memory is.

    ValueError when a field would be taken for one of ours.
    """
    given = dict(metadata or {})
    taken = [name for name in given if name == OWN or str(name).startswith(f"{OWN}.")]
    if taken:
        raise ValueError(f"metadata has a field {taken[0]!r}; that name is Engram's")
    return {name: value for name, value in given.items() if name not in _IDENTITY}


def payload_of(memory: Memory) -> dict[str, Any]:
    """Return all that filters may ask about."""
    return _metadata(memory) | own_of(memory) | {"data": memory.content}


def _metadata(memory: Memory) -> dict[str, Any]:
    return {name: value for name, value in (memory.metadata or {}).items() if name != OWN}


def shown(memory: Memory, *, score: float | None = None, scored: bool = True) -> dict[str, Any]:
    """Return a memory as `get`, `search` and, without `scored`, `get_all` show it."""
    own = own_of(memory)
    if memory.expires_at is not None:  # as an import has it
        own.setdefault(_EXPIRES, memory.expires_at.date().isoformat())
    item: dict[str, Any] = {
        "id": own.get("id", memory.id),
        "memory": memory.content,
        # A fingerprint to compare with, as mem0 has it; nothing is kept safe by it.
        "hash": hashlib.md5(memory.content.encode(), usedforsecurity=False).hexdigest(),
        "metadata": _metadata(memory) or None,
        "score": score,
        "created_at": _time(memory.occurred_at),
        "updated_at": _updated_at(memory),
    }
    if not scored:
        del item["score"]
    return item | {name: own[name] for name in _PROMOTED if own.get(name) is not None}


def _updated_at(memory: Memory) -> str:
    if memory.supersedes is not None:
        return _time(memory.recorded_at)
    return str(own_of(memory).get("updated_at") or _time(memory.occurred_at))


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def changes(versions: Sequence[Memory]) -> list[dict[str, Any]]:
    """Return the versions of a memory, the oldest first, as mem0's history shows them."""
    found = []
    before: str | None = None
    for memory in versions:
        own = own_of(memory)
        found.append(
            {
                "id": memory.id,
                "memory_id": own.get("id", memory.id),
                "old_memory": before,
                "new_memory": memory.content,
                "event": "ADD" if memory.supersedes is None else "UPDATE",
                "created_at": _time(memory.occurred_at),
                "updated_at": _updated_at(memory),
                "is_deleted": False,
                "actor_id": own.get("actor_id"),
                "role": own.get("role"),
            }
        )
        before = memory.content
    return found


def last_day(value: object) -> str | None:
    """Return the last day on which a memory is shown; ValueError when it is no day."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date().isoformat()
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError("expiration_date must be a valid date in YYYY-MM-DD format.") from None


def has_expired(memory: Memory, today: date) -> bool:
    """Whether the last day of a memory is over; what is no day ends nothing."""
    try:
        return date.fromisoformat(str(own_of(memory).get(_EXPIRES))) < today
    except ValueError:
        return False


def words_of(messages: object) -> list[dict[str, Any]]:
    """Return what was said and by whom: `role`, `content` and, where there is one, `name`.

    A text is the user's; messages of the system, and what is no text, say nothing. ValueError when
    that is neither text, nor a message, nor a list of them.
    """
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    elif isinstance(messages, Mapping):
        messages = [messages]
    if not isinstance(messages, list):
        raise ValueError("messages must be str, dict, or list[dict]")  # noqa: TRY004 - as in mem0
    found = []
    for message in messages:
        role = message.get("role") if isinstance(message, Mapping) else None
        content = _text(message.get("content")) if isinstance(message, Mapping) else ""
        if role is not None and role != "system" and content.strip():
            found.append({"role": role, "content": content, "name": message.get("name")})
    return found


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        part["text"] for part in parts if isinstance(part, Mapping) and part.get("type") == "text"
    ]
    return " ".join(texts)
