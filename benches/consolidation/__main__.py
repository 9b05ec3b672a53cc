"""`python -m benches.consolidation`: fresh episodes linked and consolidated beside recalls.

A space holds memories in clusters of twenty; fresh ones of the same clusters come, are linked and
then consolidated, a tenth at a time, while one caller recalls all the time. Its latency is shown
beside that of the quiet moments between. Take the ratios.
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
_QUIET_S: Final = 0.7
_TURNS: Final = 10
_PAUSE_S: Final = 0.005
_console: Final = Console()


Work = Callable[[int], Awaitable[object]]


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

    async def quiet(self, seconds: float) -> NDArray[np.float64]:
        """Recall while nothing else is done."""
        end = time.perf_counter() + seconds
        return await self.until(lambda: time.perf_counter() >= end)

    async def beside(
        self, work: Callable[[], Awaitable[object]]
    ) -> tuple[NDArray[np.float64], float]:
        """Recall while some work is done; return also how many seconds that took."""
        took: list[float] = []

        async def timed() -> None:
            began = time.perf_counter()
            await work()
            took.append(time.perf_counter() - began)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(timed)
            recalls = await self.until(lambda: bool(took))
        return recalls, took[0]

    async def in_turns(self, name: str, count: int, prepare: Work, work: Work) -> None:
        """Show recalls while work on `count` memories is done, some at a time, and between that."""
        quiet, busy, seconds, spent = [], [], 0.0, 0.0
        for _ in range(_TURNS):
            await prepare(count // _TURNS)
            quiet.append(await self.quiet(_QUIET_S))
            began = time.process_time()
            recalls, took = await self.beside(partial(work, count // _TURNS))
            spent += time.process_time() - began
            busy.append(recalls)
            seconds += took
        _show("between", np.concatenate(quiet))
        _show(name, np.concatenate(busy))
        _console.print(
            f"  {count:,} in {seconds:.2f} s, {spent:.2f} s of processor time with the recalls"
        )


def _show(name: str, took: NDArray[np.float64]) -> None:
    p50, p90, p99 = np.quantile(took, (0.5, 0.9, 0.99))
    _console.print(f"{name}: {len(took):,} recalls, p50 {p50:.2f} ms, p90 {p90:.2f}, p99 {p99:.2f}")


async def _measure(memories: int, fresh: int) -> None:
    made = Made(memories // _CLUSTER)
    with tempfile.TemporaryDirectory() as directory:
        async with engram.open(Path(directory) / "store", embedder=None) as db:
            space = await db.space("measured")
            await space.remember_many(made.texts(memories), embeddings=made.vectors(memories))
            await space.recall("w1")
            began = time.process_time()
            await space.wait_linked()
            linked = time.process_time()
            await space.consolidate()
            ended = time.process_time()
            _console.print(f"{memories:,} linked alone: {linked - began:.2f} s of processor time")
            _console.print(f"{memories:,} consolidated: {ended - linked:.2f} s of processor time")
            caller = Caller(space, made)

            async def remember(count: int) -> None:
                await space.remember_many(made.texts(count), embeddings=made.vectors(count))

            async def link(_: int) -> None:
                await space.wait_linked()

            async def nothing(_: int) -> None:
                """Prepare nothing: what was linked waits to be consolidated."""

            async def consolidate(count: int) -> None:
                """Consolidate as it is done once a minute."""
                registry = space._core.registry  # noqa: SLF001 - nobody can ask for that
                consolidator = registry.consolidator_of(space.id)
                await consolidator.consolidate(episodes_max=count, is_urgent=False)

            await caller.in_turns("while linking", fresh, remember, link)
            await caller.in_turns("while consolidating", fresh, nothing, consolidate)


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
