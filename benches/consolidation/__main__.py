"""`python -m benches.consolidation`: fresh episodes linked and consolidated beside recalls.

A space holds memories in clusters of twenty; fresh ones of the same clusters come, are linked and
then consolidated while one caller recalls all the time. Its latency is shown beside that of the
quiet moments before and after. Take the ratios.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import engram
from engram.service.space import Space

_DIMENSIONS: Final = 384
_CLUSTER: Final = 20
_WORDS: Final = 5_000
_TEXT_WORDS: Final = 20
_QUIET_S: Final = 5.0
_PAUSE_S: Final = 0.005
_console: Final = Console()


class Made:
    """Memories of clusters that repeat from a seed."""

    def __init__(self, clusters: int) -> None:
        self._chance = np.random.default_rng(1)
        self._centres = self._chance.normal(size=(clusters, _DIMENSIONS)).astype(np.float32)

    def vectors(self, count: int) -> NDArray[np.float32]:
        """Return float32[count, 384], each near the centre of some cluster."""
        centres = self._centres[self._chance.integers(0, len(self._centres), count)]
        noise = self._chance.normal(size=(count, _DIMENSIONS)).astype(np.float32)
        return np.asarray(centres + np.float32(0.35) * noise, np.float32)

    def texts(self, count: int) -> list[str]:
        """Return texts of words as frequent as those of a language."""
        ranks = self._chance.zipf(1.3, (count, _TEXT_WORDS)) % _WORDS
        return [" ".join(f"w{rank}" for rank in row) for row in ranks.tolist()]


class Caller:
    """Recalls one after the other and notes how long each took."""

    def __init__(self, space: Space, made: Made) -> None:
        self._space = space
        self._cues = made.texts(256)
        self._vectors = made.vectors(256)
        self._asked = 0

    async def until(self, is_over: Callable[[], bool]) -> NDArray[np.float64]:
        """Return the milliseconds each recall took until it is over."""
        took = []
        while not is_over():
            n = self._asked = (self._asked + 1) % len(self._cues)
            cue = " ".join(self._cues[n].split()[:6])
            began = time.perf_counter()
            await self._space.recall(cue, embedding=self._vectors[n])
            took.append((time.perf_counter() - began) * 1e3)
            await anyio.sleep(_PAUSE_S)
        return np.array(took)

    async def quiet(self) -> None:
        """Show recalls while nothing else is done."""
        end = time.perf_counter() + _QUIET_S
        _show("quiet", await self.until(lambda: time.perf_counter() >= end))

    async def beside(self, name: str, count: int, work: Callable[[], Awaitable[object]]) -> None:
        """Show recalls while some work on `count` memories is done, and how long that takes."""
        took: list[float] = []

        async def timed() -> None:
            began = time.perf_counter()
            await work()
            took.append(time.perf_counter() - began)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(timed)
            recalls = await self.until(lambda: bool(took))
        _show(name, recalls)
        _console.print(f"  {count:,} in {took[0]:.2f} s, {count / took[0]:,.0f} a second")


def _show(name: str, took: NDArray[np.float64]) -> None:
    p50, p99 = np.quantile(took, (0.5, 0.99))
    _console.print(f"{name}: {len(took):,} recalls, p50 {p50:.2f} ms, p99 {p99:.2f} ms")


async def _unasked(space: Space) -> None:
    """Consolidate as it is done once a minute."""
    registry = space._core.registry  # noqa: SLF001 - nobody can ask for that
    await registry.consolidator_of(space.id).consolidate(is_urgent=False)


async def _measure(memories: int, fresh: int) -> None:
    made = Made(memories // _CLUSTER)
    with tempfile.TemporaryDirectory() as directory:
        async with engram.open(Path(directory) / "store", embedder=None) as db:
            space = await db.space("measured")
            await space.remember_many(made.texts(memories), embeddings=made.vectors(memories))
            await space.recall("w1")
            began = time.perf_counter()
            await space.wait_linked()
            linked = time.perf_counter()
            await space.consolidate()
            ended = time.perf_counter()
            _console.print(f"{memories:,} linked in {linked - began:.2f} s, alone")
            _console.print(f"{memories:,} consolidated in {ended - linked:.2f} s, alone")
            caller = Caller(space, made)
            await caller.quiet()
            await space.remember_many(made.texts(fresh), embeddings=made.vectors(fresh))
            await caller.beside("while linking", fresh, space.wait_linked)
            await caller.beside("while consolidating", fresh, partial(_unasked, space))
            await caller.quiet()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.consolidation", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--memories", type=int, default=100_000, help="of the space before")
    parser.add_argument("--fresh", type=int, default=10_000, help="that are linked and replayed")
    options = parser.parse_args(arguments)
    anyio.run(_measure, options.memories, options.fresh)


if __name__ == "__main__":
    main()
