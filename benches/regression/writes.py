"""Durable writes: many writers, a lone one, and batches; the floor is the disk itself."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import anyio
import numpy as np

import engram
from benches.regression.corpus import unit_rows
from benches.regression.figures import Figure, Limit
from benches.regression.pairs import Stopwatch, Took, paired

_WRITERS = 64
_MANY_WRITERS = 512
_WRITES_PER_WRITER = 30
_BATCH = 10_000
_TEXT = " ".join(["what was said at length about the matter"] * 5)


class RawFile:
    """A growing file written and synced as plainly as the operating system allows."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._offset = 0
        self._bytes = os.urandom(1 << 24)

    def groups(self, groups_count: int, bytes_count: int) -> Took:
        """Write and sync that many groups of equal size; return what it took."""
        each = bytes_count // groups_count
        data = memoryview(self._bytes)[:each]
        watch = Stopwatch()
        for _ in range(groups_count):
            os.pwrite(self._descriptor, data, self._offset)
            os.fdatasync(self._descriptor)
            self._offset += each
        return watch.took()


async def measure(directory: Path, *, quick: bool) -> list[Figure]:
    """Return the figures of the write path."""
    rows = unit_rows(_BATCH)
    raw = RawFile(directory / "raw")
    async with engram.open(directory / "store", embedder=None) as db:
        space = await db.space("writes")
        await space.remember("the first memory", embedding=rows[0])
        return [
            await _many_writers(space, raw, rows, _WRITERS, 5 if quick else 20),
            await _many_writers(space, raw, rows, _MANY_WRITERS, 2 if quick else 8),
            await _lone(space, raw, rows, 50 if quick else 200),
            await _batches(await db.space("batches"), raw, rows, 3 if quick else 8),
        ]


async def _many_writers(
    space: engram.Space, raw: RawFile, rows: np.ndarray, writers: int, rounds: int
) -> Figure:
    numbers = count()
    syncs_count, grown_bytes = [1], [4096]
    writes = writers * _WRITES_PER_WRITER

    async def writer() -> None:
        for _ in range(_WRITES_PER_WRITER):
            number = next(numbers)
            await space.remember(f"{writers} {number} {_TEXT}", embedding=rows[number % _BATCH])

    async def subject() -> Took:
        before = await space.stats()
        watch = Stopwatch()
        async with anyio.create_task_group() as tasks:
            for _ in range(writers):
                tasks.start_soon(writer)
        took = watch.took()
        after = await space.stats()
        syncs_count.append(after.syncs - before.syncs)
        grown_bytes.append(after.log_bytes - before.log_bytes)
        return took

    async def floor() -> Took:
        return raw.groups(syncs_count[-1], grown_bytes[-1])

    pairs = await paired(rounds, subject, floor)
    rate = writes / pairs.subject_us * 1e6
    extras = {
        "per_s": rate,
        "per_s_best": writes / pairs.subject_us_min * 1e6,
        "syncs": syncs_count[-1],
        "writes": writes,
    }
    limit = Limit(f"remember per s, {writers} writers", rate, 20_000, at_least=True)
    return pairs.figure(
        f"remember.{writers}_writers",
        "the same bytes in as many raw pwrite + fdatasync",
        waits=True,
        extras=extras,
        limits=(limit,),
    )


async def _lone(space: engram.Space, raw: RawFile, rows: np.ndarray, rounds: int) -> Figure:
    numbers = count()
    before = await space.stats()
    await space.remember(f"measured {_TEXT}", embedding=rows[0])
    grown = (await space.stats()).log_bytes - before.log_bytes

    async def subject() -> Took:
        text = f"lone {next(numbers)} {_TEXT}"
        watch = Stopwatch()
        await space.remember(text, embedding=rows[0])
        return watch.took()

    async def floor() -> Took:
        return raw.groups(1, grown)

    pairs = await paired(rounds, subject, floor)
    over = pairs.subject_us - pairs.floor_us
    return pairs.figure(
        "remember.lone",
        "raw pwrite + fdatasync of the same size",
        waits=True,
        extras={"over_us": over, "bytes": grown},
        limits=(Limit("us over the disk, p50", over, 200),),
    )


async def _batches(space: engram.Space, raw: RawFile, rows: np.ndarray, rounds: int) -> Figure:
    numbers, grown_bytes = count(), [rows.nbytes]

    async def subject() -> Took:
        first = next(numbers) * _BATCH
        items = [f"{first + number} was said about the matter" for number in range(_BATCH)]
        watch = Stopwatch()
        await space.remember_many(items, embeddings=rows)
        took = watch.took()
        log_bytes = (await space.stats()).log_bytes
        grown_bytes.append(log_bytes - sum(grown_bytes[1:]))
        return took

    async def floor() -> Took:
        return raw.groups(1, grown_bytes[-1])

    pairs = await paired(rounds, subject, floor)
    rate = _BATCH / pairs.subject_us * 1e6
    return pairs.figure(
        "remember_many.10000",
        "the same bytes in one raw pwrite + fdatasync",
        waits=True,
        extras={
            "per_s": rate,
            "per_s_best": _BATCH / pairs.subject_us_min * 1e6,
            "raw_mb_per_s": grown_bytes[-1] / pairs.floor_us,
            "share_of_raw": pairs.floor_us / pairs.subject_us,
        },
        limits=(Limit("remember_many per s", rate, 150_000, at_least=True),),
    )
