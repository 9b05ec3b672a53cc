"""Fields that break a rule, which every front end refuses alike; see `verb_scenarios`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from engram.testing.comparing import refused
from engram.testing.verb_scenarios import MISSING, filled


async def bad_fields_are_refused(db: Any) -> Any:
    """Refuse every field that breaks a rule."""
    space, ids = await filled(db)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - what is refused here
    return [
        await refused(space.remember("")),
        await refused(space.remember(3)),
        await refused(space.remember("x" * 200_000)),
        await refused(space.remember("\ud800")),
        await refused(space.remember("x", kind="nonsense")),
        await refused(space.remember("x", confidence=2)),
        await refused(space.remember("x", occurred_at=naive)),
        await refused(space.remember("x", tags="abc")),
        await refused(space.remember("x", unheard_of=1)),
        await refused(space.remember("x", metadata={"a": object()})),
        await refused(space.remember("x", embedding=[1.0, 2.0])),
        await refused(space.remember("x", embedding=[float("nan")] * 64)),
        await refused(space.remember("x", request_key="")),
        await refused(space.remember_many([3])),
        await refused(space.remember_many([{"content": "x", "unheard_of": 1}])),
        await refused(space.remember_many(["x"], embeddings=np.ones((2, 64)))),
        await refused(space.recall()),
        await refused(space.recall("x", limit=0)),
        await refused(space.recall("x", mode="nonsense")),
        await refused(space.recall("x", tags_any="abc")),
        await refused(space.recall("x", deadline_ms=0)),
        await refused(space.recall("x", as_of=datetime(2200, 1, 1, tzinfo=UTC))),
        await refused(space.recall("x", memory_ids=["no id"])),
        await refused(space.recall(embedding=[1.0])),
        await refused(space.recognize()),
        await refused(space.recognize(" ")),
        await refused(space.search("")),
        await refused(space.search(" \n")),
        await refused(space.list(limit=2_000)),
        await refused(space.list(cursor="nonsense")),
        await refused(space.list(occurred_after=naive)),
        await refused(space.get("../spaces")),
        await refused(space.get(MISSING)),
        await refused(space.forget(ids[0], mode="nonsense")),
        await refused(space.update(MISSING, content="x")),
        await refused(space.update(ids[0], unheard_of=1)),
        await refused(space.history(MISSING)),
    ]
