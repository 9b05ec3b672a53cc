"""A token bucket of one second's memories."""

from __future__ import annotations

import pytest

from engram.engine.write_rate import WriteRate
from engram.model.errors import Overloaded, WritesLimited
from engram.testing.clock import FakeClock


def test_a_seconds_worth_comes_at_once_and_then_as_time_passes() -> None:
    """What was too much is not taken from what is left."""
    clock, asked = FakeClock(), []
    rate = WriteRate("s", 2, clock, lambda *room: asked.append(room))
    rate(10, 1)
    rate(10, 1)
    for _ in range(3):
        with pytest.raises(WritesLimited, match="try again in 1 s"):
            rate(10, 1)
    clock.advance(500_000_000)
    rate(10, 1)
    clock.advance(60_000_000_000)
    rate(10, 1)
    rate(10, 1)
    with pytest.raises(WritesLimited):
        rate(10, 1)
    rate(10, 0)  # what stores nothing is let in at any time
    assert asked == [(10, 1)] * 9 + [(10, 0)]


def test_a_batch_is_let_in_whole_and_waited_for() -> None:
    """The refusal says for how long."""
    clock = FakeClock()
    rate = WriteRate("s", 2, clock, lambda *_: None)
    rate(0, 10)
    with pytest.raises(WritesLimited) as met:
        rate(0, 1)
    assert met.value.retry_after_s == 5
    clock.advance(4_500_000_000)
    rate(0, 1)


def test_what_finds_no_room_takes_nothing_of_the_rate() -> None:
    """The refusal is that of the room."""
    has_room = False

    def check_room(_: int, __: int) -> None:
        if not has_room:
            raise Overloaded("memory_budget", 1)

    rate = WriteRate("s", 1, FakeClock(), check_room)
    for _ in range(2):
        with pytest.raises(Overloaded, match="memory_budget"):
            rate(1, 1)
    has_room = True
    rate(1, 1)
