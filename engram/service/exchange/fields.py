"""One memory as the fields of a line, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from engram.model.errors import InvalidRequest
from engram.model.memory import Memory
from engram.service.preparing import NewMemory

# In this order; those that say nothing are left out of a line.
COLUMNS: Final = (
    *("id", "content", "kind", "confidence", "occurred_at", "recorded_at", "tags", "entities"),
    *("source", "session", "metadata", "priority", "expires_at", "episode", "confidence_reason"),
    *("fact_key", "fact_value", "suppressed", "embedding", "associations"),
)
EDGE_FIELDS: Final = ("target_id", "kind", "weight", "confidence", "why")

_TIMES: Final = ("occurred_at", "expires_at")
# What the space settles by itself; a line may have it, as answers in JSON do, and it is not taken.
_NOT_TAKEN: Final = frozenset(
    (
        *("space", "recorded_at", "ended_at", "seen_count", "stability_days", "difficulty"),
        *("retrievability", "access_count", "last_access_at", "confidence_category"),
        *("supersedes", "superseded_by"),
    )
)
_OWN: Final = frozenset(("id", "suppressed", "associations", "dated"))
_EPISODE: Final = ("what", "where", "who", "why", "how")


class Line:
    """One memory of a file, read: what to remember, and what to do about it afterwards."""

    __slots__ = ("associations", "id", "item", "named_by_text", "raw", "suppressed")

    def __init__(self, raw: bytes, fields: dict[str, Any], *, named_by_text: bool = False) -> None:
        """Take the fields apart; raises InvalidRequest that names those that are wrong."""
        violations: list[str] = []
        dated = _checked("dated", fields.get("dated"), bool, violations)
        self.raw, self.named_by_text = raw, named_by_text or dated is False
        self.id = _checked("id", fields.get("id"), str, violations)
        self.suppressed = bool(_checked("suppressed", fields.get("suppressed"), bool, violations))
        found = _checked("associations", fields.get("associations"), list, violations) or []
        self.associations: list[dict[str, Any]] = [
            each for each in found if _is_edge(each, violations)
        ]
        if self.associations and self.id is None:
            violations.append("associations need an id, to which others may lead")
        item = {
            name: value
            for name, value in fields.items()
            if value is not None and name not in _NOT_TAKEN and name not in _OWN
        }
        for name in _TIMES:
            if name in item:
                item[name] = _time(name, item[name], violations)
        if violations:
            raise InvalidRequest(*violations)
        self.item: NewMemory = item  # type: ignore[assignment] # its fields are checked with it


def fields_of(memory: Memory) -> dict[str, Any]:
    """Return what a memory says, as JSON can hold it; times are ISO 8601 in UTC."""
    said: dict[str, Any] = {
        "id": memory.id,
        "content": memory.content,
        "kind": memory.kind,
        "confidence": memory.confidence,
        "occurred_at": memory.occurred_at.isoformat(),
        "recorded_at": memory.recorded_at.isoformat(),
        "tags": list(memory.tags),
        "entities": list(memory.entities),
        "source": memory.source,
        "session": memory.session,
        "metadata": memory.metadata,
        "priority": memory.priority,
        "expires_at": None if memory.expires_at is None else memory.expires_at.isoformat(),
        "confidence_reason": memory.confidence_reason,
        "fact_key": memory.fact_key,
        "fact_value": memory.fact_value,
        "suppressed": memory.suppressed or None,
    }
    if memory.episode is not None:
        parts = {name: getattr(memory.episode, name) for name in _EPISODE}
        said["episode"] = {
            name: list(part) if name == "who" else part for name, part in parts.items() if part
        }
    return {name: value for name, value in said.items() if value not in (None, [])}


def _checked(name: str, value: Any, kind: type, violations: list[str]) -> Any:
    if value is None or type(value) is kind:
        return value
    violations.append(f"{name} is {type(value).__name__}, not {kind.__name__}")
    return None


def _is_edge(value: Any, violations: list[str]) -> bool:
    if isinstance(value, dict) and "target_id" in value and value.keys() <= set(EDGE_FIELDS):
        return True
    known = ", ".join(EDGE_FIELDS)
    violations.append(f"an association is a table with target_id, and of {known} what it has")
    return False


def _time(name: str, value: Any, violations: list[str]) -> datetime | None:
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        violations.append(
            f"{name} {value!r} is not a time; write it like 2026-03-14T15:09:26+01:00"
        )
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
