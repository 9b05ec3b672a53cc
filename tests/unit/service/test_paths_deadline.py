"""A search for paths ends when its deadline comes, and frees its thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import engram
from engram.model.errors import InvalidRequest, KernelCancelled
from engram.retrieval.paths import Search, Way, best_ways
from engram.service import associating

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 10


async def test_a_search_for_paths_is_stopped_by_its_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def unhurried(search: Search, source: int, target: int, k: int) -> list[Way]:
        """Begin to search when nobody waits for it any more."""
        assert search.cancel is not None
        while not (search.cancel.is_set or ended.wait(0.001)):
            pass
        try:
            return best_ways(search, source, target, k)
        finally:
            ended.set()

    async with engram.open(tmp_path, embedder=None, kernels="numpy") as db:
        space = await db.space()
        a, b = [(await space.remember(text)).id for text in "ab"]
        await space.associate(a, b)
        assert len(await space.paths(a, b, deadline_ms=1_000 * PATIENCE_SECONDS)) == 1
        monkeypatch.setattr(associating, "best_ways", unhurried)
        with pytest.raises(KernelCancelled):
            await space.paths(a, b, deadline_ms=500)  # enough to begin
        assert ended.wait(PATIENCE_SECONDS)
        ended.clear()
        with pytest.raises(KernelCancelled):
            await space.query("SHOW PATHS FROM $a TO $b DEADLINE 500ms", {"a": a, "b": b})
        assert ended.wait(PATIENCE_SECONDS)
        for wrong in (0, -1.0, True, "soon"):
            with pytest.raises(InvalidRequest, match="deadline_ms"):
                await space.paths(a, b, deadline_ms=wrong)  # type: ignore[arg-type]
