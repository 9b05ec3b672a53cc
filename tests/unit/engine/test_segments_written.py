"""A segment written from another one holds the same, however much of it is left."""

from __future__ import annotations

import numpy as np
import pytest

from engram.engine.segments import Segments
from engram.state.bodies import NO_ROW, SEALED, Sealed
from engram.state.moves import Landing, Move, Rows
from engram.state.space import ERASED, SpaceState
from engram.storage.tier_segment import TierSegment
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.filling import batch_of, fill

COUNT = 300


class Store:
    """A state of which some rows are in a warm segment, and what writes others."""

    def __init__(self, rows: Rows) -> None:
        self.disk = SimulatedFilesystem()
        self.segments = Segments(self.disk)
        self.segments.cache.resize(1 << 20)
        self.state = SpaceState()
        fill(self.state, batch_of(COUNT, 16, metadata=b'{"n":1}'))
        self.move(self.segments.write("s", "warm", self.state.view(), rows))

    def move(self, landing: Landing) -> None:
        """Let bodies stand where they landed."""
        assert Move(self.state.view(), [landing]).swap(self.state)

    def cooled(self, rows: Rows) -> Landing:
        """Write rows as a cold segment."""
        return self.segments.write("s", "cold", self.state.view(), rows)

    def check_moved(self, landing: Landing) -> None:
        """Check that nothing of the state changes when bodies stand there."""
        rows = np.arange(COUNT)
        before = self.state.view()
        self.move(landing)
        after = self.state.view()
        assert after.contents(rows) == before.contents(rows)
        assert (after.vectors_of(rows) == before.vectors_of(rows)).all()
        assert (after.norms_of(rows) == before.norms_of(rows)).all()
        assert [after.metadata_of(row) for row in range(COUNT)] == [b'{"n":1}'] * COUNT


def on_disk(segment: Sealed) -> TierSegment:
    assert isinstance(segment, TierSegment)
    return segment


def evens() -> Rows:
    return np.arange(0, COUNT, 2, dtype=np.uint32)


@pytest.mark.parametrize("share", [1, 3])
def test_bodies_of_one_segment_go_past_the_cache(share: int) -> None:
    store = Store(evens())
    landing = store.cooled(evens()[::share])
    assert store.segments.cache.counts().misses == 0
    store.check_moved(landing)


def test_the_sketches_of_a_segment_that_moves_whole_are_not_made_again() -> None:
    store = Store(evens())
    (part,) = store.state.sealed
    assert part is not None
    landing = store.cooled(evens())
    assert on_disk(landing.segment).centre.tobytes() == part.segment.centre.tobytes()
    some = store.cooled(evens()[::3])
    assert on_disk(some.segment).centre.tobytes() != part.segment.centre.tobytes()


def test_bodies_of_several_places_are_gathered() -> None:
    store = Store(evens())
    store.check_moved(store.cooled(np.arange(0, 90, dtype=np.uint32)))


def test_bodies_in_another_order_than_in_their_segment_are_gathered() -> None:
    store = Store(evens())
    store.check_moved(store.cooled(evens()[::-1].copy()))


def test_nothing_of_an_erased_memory_is_written() -> None:
    store = Store(evens())
    view = store.state.view()
    text = bytes(view.contents(np.array([4]))[0])
    vector = view.vectors_of(np.array([4])).tobytes()
    store.state.columns["flags"].set(np.array([4]), ERASED)
    store.state.columns["content_bytes"].set(np.array([4]), 0)
    segment = on_disk(store.cooled(evens()).segment)
    offsets = np.arange(len(evens()), dtype=np.uint32)
    assert vector not in segment.vectors(offsets).tobytes()
    assert text not in segment.read(0, segment.index.text_bytes)


def test_a_vector_that_is_void_is_written_as_the_state_has_it() -> None:
    store = Store(evens())
    (part,) = store.state.sealed
    assert part is not None
    live = np.packbits(np.arange(part.segment.count) != 3, bitorder="little")
    store.state.sealed = (part._replace(live=live),)
    store.cooled(evens())
    assert store.segments.cache.counts().misses > 0, "they were gathered"
    assert (part.rows != NO_ROW).all()
    assert (store.state.view().gather("place", evens()) & np.uint32(SEALED)).all()
