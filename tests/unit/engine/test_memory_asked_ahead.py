"""Memory asked for while a burst of writes goes on, and not otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from engram.engine.ahead import Ahead
from engram.state.bodies import HotBodies
from engram.testing.clock import FakeClock

_DIMENSIONS = 4096
_BURST_BYTES = 1 << 20
_STEP_BYTES = 4 << 20


class _Asked:
    """Keeps what was asked for."""

    def __init__(self) -> None:
        self.bytes_counts: list[list[int]] = []

    def __call__(self, buffers: Sequence[memoryview]) -> None:
        self.bytes_counts.append([len(each) for each in buffers])


def _filled(rows: int) -> HotBodies:
    """Return bodies whose last page of vectors has 2,048 rows of 16 KiB, some of them taken."""
    hot = HotBodies()
    column = hot.vector_column(_DIMENSIONS)
    column.append_zeros(rows)
    hot.rows.append_zeros(rows)
    hot.norms.append_zeros(rows)
    return hot


def test_a_burst_has_the_next_vectors_and_the_next_texts_asked_for() -> None:
    asked, hot = _Asked(), _filled(1_030)
    ahead = Ahead(FakeClock(), asked)
    ahead.grown(hot.view(), _BURST_BYTES - 1)
    assert asked.bytes_counts == []
    ahead.grown(hot.view(), 1)
    assert asked.bytes_counts == [[_STEP_BYTES, _STEP_BYTES]]


def test_what_was_asked_for_already_is_not_asked_for_again() -> None:
    asked, hot = _Asked(), _filled(1_030)
    ahead = Ahead(FakeClock(), asked)
    ahead.grown(hot.view(), _BURST_BYTES)
    ahead.grown(hot.view(), _BURST_BYTES)  # so much is left, or less: the step after that one
    assert asked.bytes_counts[1:] == [[_STEP_BYTES]]
    ahead.grown(hot.view(), _BURST_BYTES)
    assert len(asked.bytes_counts) == 2


def test_who_writes_now_and_then_has_nothing_asked_for() -> None:
    clock, asked, hot = FakeClock(), _Asked(), _filled(1_030)
    ahead = Ahead(clock, asked)
    clock.advance(500_000_000)
    ahead.grown(hot.view(), _BURST_BYTES)
    assert asked.bytes_counts == []


def test_a_page_that_is_small_or_full_or_none_is_left_as_it_is() -> None:
    asked = _Asked()
    for rows in (100, 0):
        ahead = Ahead(FakeClock(), asked)
        ahead.grown(_filled(rows).view(), _BURST_BYTES)
    ahead = Ahead(FakeClock(), asked)
    ahead.grown(HotBodies().view(), _BURST_BYTES)
    assert asked.bytes_counts == [[_STEP_BYTES]] * 3  # the texts alone


def test_texts_go_on_in_the_chunk_that_was_made_ahead_and_are_read_there() -> None:
    hot = HotBodies()
    texts = hot.contents
    first = texts.append(b"x" * _STEP_BYTES)
    before = texts.resident_bytes
    spare = texts.room_ahead()
    assert spare is not None
    assert texts.room_ahead() is None
    assert texts.resident_bytes == before + len(spare)
    address = texts.append(b"behind it")
    assert bytes(spare[:9]) == b"behind it" == texts.read(address, 9)
    assert texts.read(first, 3) == b"xxx"
    assert texts.resident_bytes == before + 9


def test_a_text_that_does_not_fit_the_chunk_made_ahead_leaves_it_for_the_next() -> None:
    texts = HotBodies().contents
    texts.append(b"x" * _STEP_BYTES)
    spare = texts.room_ahead()
    assert spare is not None
    long = texts.append(b"y" * (_STEP_BYTES + 1))
    assert texts.read(long, 2) == b"yy"
    address = texts.append(b"short")
    assert bytes(spare[:5]) == b"short" == texts.read(address, 5)
