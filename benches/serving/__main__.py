"""`python -m benches.serving`: what a server takes beside a bare echo, and beside the library.

Every row is taken in turns, so that what else the machine does falls on both; ratios are medians.
The client is a process of Python on the same cores: it takes its share of both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import anyio
from rich.console import Console
from rich.table import Table

import engram
from benches.recall.workload import Workload, workload
from benches.regression.corpus import unit_rows
from benches.serving.client import Load, json_body, load, request
from benches.serving.mixed import mixed
from benches.serving.servers import echo, engram_command, server

_CONNECTIONS: Final = 64
_RECALLERS: Final = 8
_BODIES: Final = 1_000
_CONTENT_CHARACTERS: Final = 200
_ALONE: Final = 400
_REMEMBER: Final = "/api/v1/memories/remember"
_LIST: Final = "/api/v1/memories?limit=1"
_RECALL: Final = "/api/v1/memories/recall"
_console = Console(width=None if sys.stdout.isatty() else 120)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.serving", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", help="where the stores go; a real disk")
    parser.add_argument(
        "--mixed", type=int, metavar="MINUTES", help="instead: reads and writes, paced, so long"
    )
    options = parser.parse_args(arguments)
    if options.mixed:
        return _mixed(options)
    table = Table("work", "served", "beside it", "ratio", title="a server, in turns")
    with tempfile.TemporaryDirectory(prefix="engram-serving-", dir=options.directory) as place:
        root = Path(place)
        table.add_row(*anyio.run(_remembered, root / "writes", options))
        table.add_row(*anyio.run(_guarded, root / "guarded", options))
        for row in anyio.run(_recalled, root / "recalls", options):
            table.add_row(*row)
    _console.print(table)
    return 0


def _mixed(options: argparse.Namespace) -> int:
    """Measure a mixed load and print how it went."""
    with tempfile.TemporaryDirectory(prefix="engram-serving-", dir=options.directory) as place:
        told = anyio.run(mixed, Path(place), options.mixed)
    table = Table("what", "figure", title=f"{options.mixed} minutes of mixed load")
    for row in told:
        table.add_row(*row)
    _console.print(table)
    return 0


async def _remembered(root: Path, options: argparse.Namespace) -> list[str]:
    """Durable writes of 64 connections, beside an echo of the same bodies and answers."""
    vectors = [b64encode(row.tobytes()).decode() for row in unit_rows(_BODIES)]
    bodies = [
        json_body({"content": f"{n:06d} ".ljust(_CONTENT_CHARACTERS, "x"), "embedding": each})
        for n, each in enumerate(vectors)
    ]
    numbers = count()
    marks = [body.split(b" ", 1) for body in bodies]

    def writing(_: int) -> bytes:
        number = next(numbers)
        head, rest = marks[number % _BODIES]
        return request("POST", _REMEMBER, b"%b-%010d %b" % (head, number, rest))

    def echoing(n: int) -> bytes:
        return request("POST", "/", bodies[n % _BODIES])

    with server(root) as (port, _):
        first = await load(port, 1, 0.2, writing)
        with echo(first.body_bytes) as (other, _):
            pairs = [
                (
                    await load(port, _CONNECTIONS, options.seconds, writing),
                    await load(other, _CONNECTIONS, options.seconds, echoing),
                )
                for _ in range(options.rounds)
            ]
    return _rates(f"POST remember, durable, {_CONNECTIONS} connections", pairs, "an echo")


async def _guarded(root: Path, options: argparse.Namespace) -> list[str]:
    """One memory got again and again, with access, limits and audit, and without."""
    with server(root / "open") as (bare, _):
        key = _key(root / "closed")
        guarded = {
            "ENGRAM_ACCESS": "on",
            "ENGRAM_RATE_LIMIT": "1000000",
            "ENGRAM_RATE_BURST": "1000000",
            "ENGRAM_AUDIT_LOG": str(root / "audit.jsonl"),
        }
        headers = {"Authorization": f"Bearer {key}"}
        with server(root / "closed", guarded) as (closed, _):
            body = json_body({"content": "the one memory"})
            for port, names in ((bare, {}), (closed, headers)):
                await load(port, 1, 0.05, _same(request("POST", _REMEMBER, body, names)))
            found = []
            for _ in range(options.rounds):
                one, other = [
                    await load(
                        port, 1, options.seconds / 3, _same(request("GET", _LIST, headers=h))
                    )
                    for port, h in ((closed, headers), (bare, {}))
                ]
                found.append((one, other))
    added = statistics.median(_median_us(one) - _median_us(other) for one, other in found)
    return [
        "GET, one connection, with access, rate limit and audit",
        f"{statistics.median(_median_us(one) for one, _ in found):.0f} us",
        f"without: {statistics.median(_median_us(other) for _, other in found):.0f} us",
        f"+{added:.0f} us",
    ]


async def _recalled(root: Path, options: argparse.Namespace) -> list[list[str]]:
    """Recalls by words, beside the library's own on the same store."""
    work = workload(options.memories, anywhere=False)
    for name in ("library", "served"):
        await _filled(root / name, work)
    paths = [f"{_RECALL}?{urlencode({'query': cue.text})}" for cue in work.asked]

    def asking(n: int) -> bytes:
        return request("GET", paths[n % len(paths)])

    pairs, added = [], []
    with server(root / "served") as (port, _):
        async with engram.open(root / "library") as db:
            space = await db.space()
            for _ in range(options.rounds):
                served = await load(port, _RECALLERS, options.seconds, asking)
                pairs.append((served, await _library(space, work, options.seconds)))
                alone = await load(port, 1, options.seconds / 2, asking)
                own = [await _one(space, cue.text) for cue in work.asked[:_ALONE]]
                added.append(_median_us(alone) - statistics.median(own) / 1e3)
    rates = _rates(f"GET recall, {options.memories:,} memories", pairs, "the library")
    middle = f"+{statistics.median(added):.0f} us"
    return [rates, ["one recall alone, p50", "", "the library's call", middle]]


async def _filled(root: Path, work: Workload) -> None:
    async with engram.open(root) as db:
        space = await db.space()
        texts = [item["content"] for item in work.items]
        for first in range(0, len(texts), 10_000):
            await space.remember_many(texts[first : first + 10_000])
        await space.recall("warm")


async def _library(space: engram.Space, work: Workload, seconds: float) -> Load:
    """Return what as many callers get of the library as the server has."""
    numbers, times = count(), list[int]()
    started = time.perf_counter()

    async def caller() -> None:
        while time.perf_counter() - started < seconds:
            cue = work.asked[next(numbers) % len(work.asked)]
            times.append(await _one(space, cue.text))

    async with anyio.create_task_group() as tasks:
        for _ in range(_RECALLERS):
            tasks.start_soon(caller)
    return Load(len(times) / (time.perf_counter() - started), sorted(times), 0)


async def _one(space: engram.Space, text: str) -> int:
    began = time.perf_counter_ns()
    await space.recall(text)
    return time.perf_counter_ns() - began


def _same(asked: bytes) -> Callable[[int], bytes]:
    return lambda _: asked


def _median_us(found: Load) -> float:
    return statistics.median(found.times_ns) / 1e3


def _rates(work: str, pairs: list[tuple[Load, Load]], beside: str) -> list[str]:
    ratio = statistics.median(one.per_s / other.per_s for one, other in pairs)
    one, other = (statistics.median(each[side].per_s for each in pairs) for side in (0, 1))
    return [work, f"{one:,.0f}/s", f"{beside}: {other:,.0f}/s", f"{ratio:.2f}"]


def _key(root: Path) -> str:
    """Return a key of the store for all that reads and writes."""
    command = engram_command(
        "keys", "create", "bench", "--role", "agent", "--space", "default", "--data", root
    )
    made = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603
    return next(word for word in made.stdout.split() if word.startswith("engram_"))


if __name__ == "__main__":
    sys.exit(main())
