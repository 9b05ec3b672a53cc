"""What is compared: one piece of work, Engram's way to do it and everybody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

Call = Callable[[], object]


class Case(NamedTuple):
    """One row of the table.

    Every call does the whole work once and returns what it found. `goal` says how many times as
    fast as the best peer Engram is to be; `floor` reads the same bytes and does nothing else, and
    `floor_goal` says which share of its speed is to be reached; `limit_us` is what a call may
    take. `rivals` names the peers that the goal is about; empty, all of them.
    """

    name: str
    subject: Call
    peers: Mapping[str, Call]
    goal: float | None = None
    floor: Call | None = None
    floor_goal: float | None = None
    limit_us: float | None = None
    rivals: tuple[str, ...] = ()
    notes: Mapping[str, float] = {}
    budget_s: float = 4.0
