from __future__ import annotations

from pathlib import Path

import pytest

import engram.sync
from engram.model.errors import InvalidRequest, QueryTooCostly, StoreInUse


def test_what_was_remembered_without_async_is_there_when_opened_again(tmp_path: Path) -> None:
    with engram.sync.open(tmp_path, embedder=None, kernels="numpy") as db:
        space = db.space()
        stored = space.remember("Ada met Babbage.")
        assert space.recall("who met Babbage?")[0].memory.id == stored.id
        with pytest.raises(InvalidRequest):
            space.remember("")
        with pytest.raises(StoreInUse), engram.sync.open(tmp_path, embedder=None, kernels="numpy"):
            pass
    with engram.sync.open(tmp_path, embedder=None, kernels="numpy") as db:
        assert db.space().get(stored.id).content == "Ada met Babbage."
        db.create_space("other").remember("x")
        db.drop_space("other")
        assert [info.id for info in db.spaces()] == ["default"]


def test_a_backup_is_made_and_restored_without_async(tmp_path: Path) -> None:
    backups = engram.open_backups(tmp_path / "kept")
    with engram.sync.open(tmp_path / "store", embedder=None, kernels="numpy") as db:
        db.space().remember("Ada met Babbage.")
        made = db.backup(backups)
        (restored,) = db.restore(backups, space="default", into="copy")
    assert restored.digest == made.backup.spaces[0].digest


def test_how_a_store_stands_is_told_without_async(tmp_path: Path) -> None:
    with engram.sync.open(tmp_path, embedder=None, kernels="numpy") as db:
        db.space().remember("Ada met Babbage.")
        health = db.health()
        assert [(each.space, each.memories) for each in health.spaces] == [("default", 1)]
        assert health.memory_budget == db.memory_budget
        assert db.resident_bytes == health.resident_bytes
        assert db.metrics()['engram_resident_bytes{part="hot"}'] == db.resident_bytes.hot


def test_statements_may_cost_what_the_settings_say_unless_their_caller_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGRAM_QUERY_BUDGET_MS", "0.001")
    with engram.sync.open(tmp_path, embedder=None, kernels="numpy") as db:
        with pytest.raises(QueryTooCostly) as error:
            db.space().query("SHOW STATS")
        assert error.value.budget_ms == 0.001
        assert len(db.space().query("SHOW STATS", budget_ms=10_000)) > 0


def test_a_space_is_followed_without_async(tmp_path: Path) -> None:
    with engram.sync.open(tmp_path, embedder=None, kernels="numpy") as db:
        space = db.space()
        first = space.remember("Ada met Babbage.")
        with space.subscribe("memories", after=0) as changes:
            second = space.remember("The kettle is blue.")
            assert next(changes).remembered == (first.id,)
            change = changes.next(60)
            assert change is not None
            assert change.remembered == (second.id,)
            assert changes.next(0) is None
            assert changes.lsn == second.lsn
