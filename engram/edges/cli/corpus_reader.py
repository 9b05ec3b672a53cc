"""The bundled corpus and the questions quickstart asks it; see corpus/NOTICE.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from engram.service.preparing import NewMemory

SOURCE: Final = "annual-messages"


class Question(NamedTuple):
    """A question, the filters asked with it, and the days of the messages that answer it."""

    text: str
    by: str
    expected: frozenset[str]
    after: datetime | None = None
    before: datetime | None = None
    tags: tuple[str, ...] = ()

    @property
    def filter_text(self) -> str:
        """The filters in words; empty without any."""
        parts = [f"tag {tag}" for tag in self.tags]
        if self.after is not None and self.before is not None:
            parts.append(f"{self.after.year} to {self.before.year - 1}")
        return ", ".join(parts)


def passages() -> list[NewMemory]:
    """Return the passages in the order of their dates."""
    return [
        {
            "content": row["text"],
            "occurred_at": _day(row["date"]),
            "tags": row["tags"],
            "source": SOURCE,
        }
        for row in map(json.loads, _read("annual-messages.ndjson").splitlines())
    ]


def questions() -> list[Question]:
    """Return the dozen questions in the order they are asked."""
    return [
        Question(
            text=row["question"],
            by=row["by"],
            expected=frozenset(row["expected"]),
            after=_day(row["occurred_after"]) if "occurred_after" in row else None,
            before=_day(row["occurred_before"]) if "occurred_before" in row else None,
            tags=tuple(row.get("tags_all", ())),
        )
        for row in json.loads(_read("questions.json"))
    ]


def _read(name: str) -> str:
    return files("engram.edges.cli").joinpath("corpus", name).read_text(encoding="utf-8")


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
