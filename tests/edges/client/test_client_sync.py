"""The client without async: every verb there is, each waited for."""

from __future__ import annotations

import inspect

import pytest

import engram.sync
from engram.edges.client import space, store, waited
from engram.edges.http.server import HttpServer
from engram.model.errors import InvalidRequest, MemoryNotFound

MISSING = "00000000-0000-7000-8000-000000000000"


def test_a_server_is_used_without_async(server: HttpServer) -> None:
    with engram.sync.connect(server.url) as db:
        notes = db.create_space("notes")
        with notes.subscribe("memories") as changes:
            done = notes.remember("Ada met Babbage.", tags=["history"])
            assert next(changes).remembered == (done.id,)
            assert (changes.next(0), changes.lsn) == (None, done.lsn)
        assert [hit.memory.id for hit in notes.recall("who met Babbage?")] == [done.id]
        assert [each.label for each in notes.labels()] == ["history"]
        with pytest.raises(MemoryNotFound):
            notes.get(MISSING)
        with pytest.raises(InvalidRequest):
            db.space("A")
        assert (notes.id, db.space("notes").list().total, db.url) == ("notes", 1, server.url)
        db.drop_space("notes")
        assert [each.id for each in db.spaces()] == ["default"]


@pytest.mark.parametrize(
    ("own", "remote"),
    [(waited.RemoteSpace, space.RemoteSpace), (waited.RemoteEngram, store.RemoteEngram)],
)
def test_every_verb_is_there_without_async(own: type, remote: type) -> None:
    """With the same parameters."""
    for name, method in inspect.getmembers(remote, inspect.isfunction):
        if not name.startswith("_"):
            found = inspect.signature(getattr(own, name)).parameters
            assert list(found) == list(inspect.signature(method).parameters), name
