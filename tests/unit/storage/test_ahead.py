"""Calls that begin ahead end with what they returned or raised, in threads as without."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from engram.storage.ahead import Helpers, in_no_thread, in_threads

BOTH = pytest.mark.parametrize("helpers", [in_threads, in_no_thread])


@BOTH
def test_each_call_gives_its_own_result(helpers: Helpers) -> None:
    with helpers() as begin:
        waiting = [begin(partial(pow, number, 2)) for number in range(50)]
        assert [wait() for wait in waiting] == [number**2 for number in range(50)]


@BOTH
def test_what_a_call_raises_reaches_who_asks_for_its_result(helpers: Helpers) -> None:
    def fail() -> None:
        raise ValueError("no")

    with helpers() as begin:
        bad, good = begin(fail), begin(lambda: 1)
        with pytest.raises(ValueError, match="no"):
            bad()
        assert good() == 1


def test_calls_begin_before_anybody_asks() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def call() -> bool:
        begun.set()
        return may_end.wait(10)

    with in_threads() as begin:
        result = begin(call)
        assert begun.wait(10)
        may_end.set()
        assert result()


def test_calls_nobody_asks_for_have_ended_or_never_began_when_the_block_is_left() -> None:
    running: list[int] = []

    def call() -> None:
        running.append(1)
        running.pop()

    with in_threads() as begin:
        for _ in range(40):
            begin(call)
    assert not running
    assert "engram opening" not in " ".join(each.name for each in threading.enumerate())
