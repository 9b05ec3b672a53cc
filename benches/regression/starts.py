"""What the first import and the first command cost, beside a bare interpreter."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter_ns

from benches.regression.figures import Figure, Limit
from benches.regression.pairs import Pairs, Timed, Took, paired

_PULLED_IN = (
    "import engram, sys; "
    "print(sum(n in sys.modules for n in ('numpy', 'anyio', 'engram.adapters.embedders')))"
)


async def measure(directory: Path, *, quick: bool) -> list[Figure]:
    """Return the figures of starting; `directory` is where the processes run."""
    rounds = 5 if quick else 15
    here = Path.cwd()
    imported = await paired(rounds, _run(here, "-c", "import engram"), _run(here, "-c", "pass"))
    helped = await paired(rounds, _run(here, "-m", "engram", "--help"), _run(here, "-c", "pass"))
    heavy = float(_output(here, "-c", _PULLED_IN))
    (directory / "started").touch()
    over_ms = (imported.subject_us - imported.floor_us) / 1_000
    return [
        _figure(
            "start.import",
            imported,
            Limit("ms over a bare interpreter", over_ms, 60),
            Limit("heavy packages pulled in", heavy, 0),
        ),
        _figure("start.help", helped, Limit("ms, whole process", helped.subject_us / 1_000, 300)),
    ]


def _figure(name: str, pairs: Pairs, *limits: Limit) -> Figure:
    return pairs.figure(name, "python -c pass", limits=limits)


def _run(here: Path, *arguments: str) -> Timed:
    async def timed() -> Took:
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter_ns()
        _output(here, *arguments)
        clock, after = perf_counter_ns() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        return Took(clock, round((user + system) * 1e9))

    return timed


def _output(here: Path, *arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=here, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own interpreter
