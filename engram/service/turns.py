"""Long work on the event loop, a part at a turn: others have theirs in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from anyio import lowlevel

T = TypeVar("T")

# Memories of so many rows, and what is told of them, are made in one to two milliseconds.
_PART: Final = 128


async def in_turns(count: int, make: Callable[[slice], Iterable[T]]) -> list[T]:
    """Return what `make` returns for all of `count` things, asked for part by part."""
    if count <= _PART:
        return list(make(slice(0, count)))
    made: list[T] = []
    for start in range(0, count, _PART):
        await lowlevel.checkpoint()
        made += make(slice(start, start + _PART))
    return made
