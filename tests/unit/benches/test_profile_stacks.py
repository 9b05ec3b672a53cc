from __future__ import annotations

from collections import Counter

from benches.profiles.stacks import Frame, below, parse, self_shares

LINES = [
    "run (a/loop.py:3);recall (engram/service/reading.py:9);dot (libx.so) 3",
    "run (a/loop.py:3);recall (engram/service/reading.py:12);dot (libx.so) 2",
    "run (a/loop.py:3);0x7f12 (libc.so.6) 5",
]


def test_a_line_becomes_calls_without_line_numbers() -> None:
    seen = parse(LINES[:1])
    (stack,) = seen
    assert stack == (
        Frame("run", "loop.py"),
        Frame("recall", "reading.py"),
        Frame("dot", "libx.so"),
    )
    assert seen[stack] == 3


def test_the_same_calls_on_other_lines_are_added_up() -> None:
    assert sorted(parse(LINES).values()) == [5, 5]


def test_only_what_lies_below_a_call_is_kept() -> None:
    cut = below(parse(LINES), ["recall"])
    assert cut == Counter({(Frame("recall", "reading.py"), Frame("dot", "libx.so")): 5})


def test_shares_are_those_of_the_innermost_calls() -> None:
    assert self_shares(parse(LINES), 5) == [("dot (libx.so)", 0.5), ("libc.so.6", 0.5)]


def test_what_happens_on_the_way_to_something_else_can_be_left_out() -> None:
    assert not below(parse(LINES), ["run"], without=["recall", "libc.so.6"])


def test_calls_inside_a_library_without_names_are_one() -> None:
    (stack,) = parse(["recall (a.py:1);0x7f12 (libc.so.6);0x7f99 (libc.so.6) 1"])
    assert stack == (Frame("recall", "a.py"), Frame("libc.so.6", ""))
