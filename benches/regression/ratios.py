"""The time of each kernel call over that of the same call in the frozen library.

Blocks of some 0.4 ms, in turns and in an order that a die decides, data that stays in the L2 cache;
the ratio is the median over the rounds of one block over its neighbour, which saw the same noise. A
fixed order favours one of two equal subjects; so may one placement of the data, which is therefore
made anew several times.
"""

from __future__ import annotations

import gc
import operator
import random
import statistics
from pathlib import Path
from time import perf_counter_ns
from typing import Final

import msgspec

from benches.regression.figures import KERNELS, Figure
from benches.regression.frozen import CannotCompare, FrozenBackend, NotInFrozen
from benches.regression.workloads import JUDGED, Call, Workload
from engram.kernels.protocol import KernelBackend
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import BackendUnavailable, EngramError

PLACEMENTS: Final = 7
ROUNDS: Final = 43
"""In each placement: 301 in all."""
QUICK_ROUNDS: Final = 5
_BLOCK_NS: Final = 400_000
_WARM_ROUNDS: Final = 5
FLOOR: Final = "the same call in the frozen library"


class Compared(msgspec.Struct, frozen=True):
    """What could be compared, and why the rest (or all of it, by the group's name) could not."""

    figures: tuple[Figure, ...] = ()
    skipped: dict[str, str] = {}


def compare_or_say(library: Path, against: Path, *, rounds: int = ROUNDS) -> Compared:
    """Compare every judged workload, or say for the whole group why it cannot be done."""
    try:
        return compare(library, against, rounds=rounds)
    except (CannotCompare, BackendUnavailable) as error:
        return Compared(skipped={KERNELS: str(error)})


def compare(library: Path, against: Path, *, rounds: int = ROUNDS) -> Compared:
    """Compare every judged workload of one library with another's.

    Raises:
        BackendUnavailable: the library is not built or cannot be loaded.
        CannotCompare: the other library has another ABI.
    """
    now, then = ZigBackend(library), FrozenBackend(against)
    figures, skipped = [], {}
    for workload in JUDGED:
        try:
            figures.append(turns(workload, now, then, rounds))
        except NotInFrozen as error:
            skipped[workload.name] = str(error)
    return Compared(tuple(figures), skipped)


def turns(workload: Workload, now: KernelBackend, then: KernelBackend, rounds: int) -> Figure:
    """Return the ratio of one backend to another in a workload; `rounds` in each placement."""
    mine: list[float] = []
    frozen: list[float] = []
    die = random.Random(1)  # noqa: S311 - an order, no secret
    calls = 0
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(PLACEMENTS):
            call = workload.prepare()
            _try(call, then)
            calls = calls or calls_per_block(call, then)
            for _ in range(rounds):
                if die.random() < 0.5:  # noqa: PLR2004 - a coin
                    mine.append(timed(call, now, calls))
                    frozen.append(timed(call, then, calls))
                else:
                    frozen.append(timed(call, then, calls))
                    mine.append(timed(call, now, calls))
    finally:
        if was_enabled:
            gc.enable()
    ratio = statistics.median(map(operator.truediv, mine, frozen))
    return Figure(workload.name, min(mine) / 1_000, min(frozen) / 1_000, FLOOR, ratio)


def _try(call: Call, then: KernelBackend) -> None:
    """Raise NotInFrozen when the frozen library does not take the call, a structure say."""
    try:
        call(then)
    except EngramError as error:
        raise NotInFrozen(f"the frozen library does not take the call: {error}") from error


def calls_per_block(call: Call, kernels: KernelBackend) -> int:
    """Return how many calls take some 0.4 ms."""
    calls = 1
    while (took := _fastest(call, kernels, calls)) < _BLOCK_NS / 4 / calls:
        calls *= 2
    return max(1, round(_BLOCK_NS / took))


def _fastest(call: Call, kernels: KernelBackend, calls: int) -> float:
    return min(timed(call, kernels, calls) for _ in range(_WARM_ROUNDS))


def timed(call: Call, kernels: KernelBackend, calls: int) -> float:
    """Return the nanoseconds of one call, in a block of so many."""
    started = perf_counter_ns()
    for _ in range(calls):
        call(kernels)
    return (perf_counter_ns() - started) / calls
