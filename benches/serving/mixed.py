"""Some minutes of mixed load at 70 % of what a server does at most.

Of ten requests six are recalls by words, two are writes, one gets a memory, one lists some. What is
written was there before, so that each write is durable and yet nothing grows but the log: what RAM
grows by is then not what was remembered. Requests go out by a plan, and take from when they were
due: a server that stands still cannot hide it. One more connection follows what happens.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode

import engram
from benches.recall.workload import workload
from benches.serving.client import json_body, load, request
from benches.serving.servers import Running, server

_MEMORIES: Final = 10_000
_WRITTEN: Final = 1_000
_CONNECTIONS: Final = 32
_SHARE: Final = 0.7
_AT_MOST_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 5.0
_MINUTE: Final = 60.0
_LATE_SECONDS: Final = 2.0
_ROOT: Final = "/api/v1/memories"
_EMBEDDER: Final = "static"
# What the requests of a round of ten are; the others are recalls.
_ROUND: Final = 10
_WRITES: Final = (2, 7)
_GET: Final = 4
_PAGE: Final = 9


class _Look(NamedTuple):
    """What the server has used when it was looked at."""

    at: float
    """Seconds from the start."""
    resident_bytes: int
    """Anonymous RAM."""
    loop_seconds: float
    """Processor time of its event loop's thread."""


class _Plan:
    """The n-th request, and what became of all of them."""

    def __init__(self, cues: list[str], ids: list[str]) -> None:
        self._recalls = [
            request("GET", f"{_ROOT}/recall?{urlencode({'query': cue})}") for cue in cues
        ]
        self._writes = [
            request("POST", f"{_ROOT}/remember", json_body({"content": _note(number)}))
            for number in range(_WRITTEN)
        ]
        self._gets = [request("GET", f"{_ROOT}/{each}") for each in ids]
        self._list = request("GET", f"{_ROOT}?limit=10")
        self.written: set[int] = set()
        """LSNs of the writes that were acknowledged."""
        self.errors: list[str] = []
        self.times: list[tuple[float, float]] = []
        """When each answer was due, in seconds from the start, and how late it came."""

    def request(self, number: int) -> bytes:
        """Return the n-th request."""
        which, kind = divmod(number, _ROUND)
        if kind in _WRITES:
            return self._writes[(len(_WRITES) * which + _WRITES.index(kind)) % _WRITTEN]
        if kind == _GET:
            return self._gets[which % len(self._gets)]
        return self._list if kind == _PAGE else self._recalls[number % len(self._recalls)]

    def answered(self, number: int, head: bytes, body: bytes, due: float, late: float) -> None:
        """Note an answer."""
        self.times.append((due, late))
        if head[9:10] != b"2":
            self.errors.append((head[:40] + body[:200]).decode(errors="replace"))
        elif number % _ROUND in _WRITES:
            self.written.add(json.loads(body)["lsn"])


class _Follower:
    """Follows a space and keeps which LSNs it was told of; an end says from where to go on."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.seen: set[int] = set()
        self.ends = 0
        self.place: int | None = None
        self.has_begun = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            after = "" if self.place is None else f"?after={self.place}"
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
            writer.write(request("GET", f"/api/v1/stream/memories{after}"))
            try:
                await self._read(reader)
            finally:
                writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        kind = b""
        while line := await reader.readline():
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: "):
                self._told(kind, json.loads(line[6:]))

    def _told(self, kind: bytes, value: dict[str, int]) -> None:
        self.place = value.get("lsn", self.place)
        self.has_begun.set()
        if kind == b"change":
            self.seen.add(value["lsn"])
        self.ends += kind == b"end"


async def mixed(root: Path, minutes: int) -> Iterator[tuple[str, str]]:
    """Carry out the load on a new store and return its figures, by name."""
    work = workload(_MEMORIES, anywhere=False)
    async with engram.open(root, embedder=_EMBEDDER) as db:
        space = await db.space()
        made = await space.remember_many([*work.items, *map(_note, range(_WRITTEN))])
        await space.wait_linked()
        await space.recall("warm")
    plan = _Plan([cue.text for cue in work.asked], list(made.ids[: len(work.asked)]))
    with server(root) as running:
        most = await load(running.port, _CONNECTIONS, _AT_MOST_SECONDS, plan.request)
        rate = _SHARE * most.per_s
        follower = _Follower(running.port)
        following = asyncio.create_task(follower.run())
        await follower.has_begun.wait()
        looks = await _paced(running, plan, rate, _MINUTE * minutes)
        await asyncio.sleep(_LATE_SECONDS)
        following.cancel()
    return iter(_told(plan, follower, looks, most.per_s, minutes))


async def _paced(running: Running, plan: _Plan, rate: float, seconds: float) -> list[_Look]:
    """Ask by the plan; return what the server used, every few seconds."""
    numbers, started, looks = count(), time.perf_counter(), list[_Look]()

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        try:
            while (due := (number := next(numbers)) / rate) < seconds:
                await asyncio.sleep(max(0.0, due - (time.perf_counter() - started)))
                writer.write(plan.request(number))
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0]
                body = await reader.readexactly(int(length))
                late = time.perf_counter() - started - due
                plan.answered(number, head, body, due, late)
        finally:
            writer.close()

    async def looking() -> None:
        while True:
            at = time.perf_counter() - started
            looks.append(_Look(at, _resident_bytes(running.pid), _loop_seconds(running.pid)))
            await asyncio.sleep(_LOOK_SECONDS)

    look = asyncio.create_task(looking())
    await asyncio.gather(*(caller() for _ in range(_CONNECTIONS)))
    look.cancel()
    return looks


def _told(
    plan: _Plan, follower: _Follower, looks: list[_Look], at_most: float, minutes: int
) -> list[tuple[str, str]]:
    by_minute = [_p99_ms(plan, minute) for minute in range(minutes)]
    first, worst = by_minute[0], max(by_minute)
    busy = [_busy(looks, minute) for minute in range(minutes)]
    settled = [each.resident_bytes for each in looks if each.at >= _MINUTE]
    middle = statistics.median(settled)
    low, high = (100 * (each / middle - 1) for each in (min(settled), max(settled)))
    ram = f"{middle / 2**20:.0f} MiB {low:+.1f} {high:+.1f} %"
    tails = f"{first:.1f}, {worst:.1f} ms: {worst / first:.2f}"
    at_work = (
        f"{busy[0]:.0%}, {busy[by_minute.index(worst)]:.0%}; {min(busy):.0%} to {max(busy):.0%}"
    )
    lost = len(plan.written - follower.seen)
    middle_ms = 1e3 * statistics.median(late for _, late in plan.times)
    return [
        ("at most", f"{at_most:,.0f} requests a second"),
        ("answered", f"{len(plan.times) / minutes / 60:,.0f} a second, {len(plan.times):,} in all"),
        ("errors", f"{len(plan.errors)} {plan.errors[:1] or ''}"),
        ("p50 from when it was due", f"{middle_ms:.1f} ms"),
        ("p99 of the first minute, the worst", tails),
        ("its event loop at work: in these, in all", at_work),
        ("anonymous RAM from the second minute on", ram),
        ("writes acknowledged", f"{len(plan.written):,} LSNs"),
        ("of them not streamed and not reported", f"{lost} ({follower.ends} ends of streams)"),
    ]  # fmt: skip


def _p99_ms(plan: _Plan, minute: int) -> float:
    late = sorted(late for due, late in plan.times if minute <= due / _MINUTE < minute + 1)
    return 1e3 * late[int(0.99 * len(late))]


def _busy(looks: list[_Look], minute: int) -> float:
    """Return which share of a minute the event loop was at work: the rate is the same in all."""
    seen = [
        each
        for each in looks
        if minute <= each.at / _MINUTE <= minute + 1 + _LOOK_SECONDS / _MINUTE
    ]
    first, last = seen[0], seen[-1]
    return (last.loop_seconds - first.loop_seconds) / (last.at - first.at)


def _resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) << 10
    raise SystemExit("this system does not tell how much RAM a process has")


def _loop_seconds(pid: int) -> float:
    """Return the processor time of a process's first thread, on which its event loop runs."""
    found = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(found[11]) + int(found[12])) / os.sysconf("SC_CLK_TCK")


def _note(number: int) -> str:
    return f"note {number} of those that are written again and again"
