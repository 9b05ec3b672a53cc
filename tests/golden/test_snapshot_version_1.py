"""A snapshot of format version 1, loaded for ever: never rewrite these files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engram.engine.opener import open_no_segment
from engram.engine.words import Words
from engram.retrieval.terms import Terms
from engram.state.space import ALIVE, ERASED, HAS_VECTOR
from engram.storage.snapshots import Snapshots
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.snapshots import IDENTITY, SPACE

V1 = Path(__file__).parent / "v1" / "snapshot"
NOW = 1_700_000_000_000_000_000


def test_a_snapshot_of_the_first_release_loads() -> None:
    filesystem = SimulatedFilesystem()
    for path in V1.rglob("*"):
        if path.is_file():
            handle = filesystem.create_exclusive(f"{SPACE}/{path.relative_to(V1)}")
            filesystem.write_at(handle, 0, [path.read_bytes()])
    snapshots = Snapshots(filesystem, IDENTITY)
    snapshots.read()
    assert (snapshots.remembered, snapshots.durable_lsn) == ("sync", 4)
    loaded = snapshots.load(open_no_segment(SPACE))
    assert loaded is not None
    assert snapshots.damaged == []
    state, view = loaded.state, loaded.state.view()
    assert (view.lsn, view.count, view.forgotten_count, view.vector_count) == (4, 6, 2, 3)
    texts = ["the lake is cold", "das Wasser ist k\u00e4lter", "", "no vector", "to be forgotten"]
    assert view.texts(0, 5) == texts
    assert view.metadata_of(0) == b'{"page":7}'
    assert (view.tags_of(0), view.tags_of(1)) == (("red",), ("red", "\u0645"))
    assert (view.label("source", 0), view.label("session", 3)) == ("diary", "s")
    both = ALIVE | HAS_VECTOR
    dated = 4
    flags = view.gather("flags", np.arange(6)).tolist()
    assert flags == [both | dated] * 3 + [ALIVE | dated, HAS_VECTOR | dated, ERASED]
    assert view.gather("occurred_at", np.arange(3)).tolist() == [NOW, NOW - 1, NOW - 2]
    assert view.vectors_of(np.arange(4)).tolist() == [[1, 2], [3, 4], [5, 6], [0, 0]]
    assert view.norms_of(np.arange(4)).tolist() == [0.5, 0.5, 0.5, 0.0]
    assert state.staged["new"].present(6).tolist() == [True, True, False, False, False, False]
    assert len(state.erasures) == 1
    _check_words(snapshots, state.lsn)


def _check_words(snapshots: Snapshots, lsn: int) -> None:
    """The words file reads as it was; its words were cut in another way and are built anew."""
    saved, words = snapshots.load_words(lsn), Words()
    assert saved is not None
    assert not words.load(saved)
    assert words.rows_indexed == 0
    terms = list(Terms(saved.texts))
    assert {"lake", "cold"} <= set(terms)
    postings = saved.groups[1]
    for term in map(terms.index, ("lake", "cold")):
        at = int(np.searchsorted(postings["terms"], term))
        first, last = postings["offsets"][at : at + 2].tolist()
        assert postings["rows"][first:last].tolist() == [0]
    assert snapshots.load_words(lsn) is None, "they are handed over, not kept beside the index"
