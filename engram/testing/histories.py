"""Seeded histories of a log: write, fail, lose power, reopen, go on; what was promised must hold.

The same seed gives the same history. Each generation opens the log, compares what it holds with
what was promised, then appends, syncs, rotates, trims and purges until the power fails or a fault
poisons it, and crashes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import anyio

from engram.model.errors import Conflict, EngramError, InvariantViolated, check
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.file_log import FileLog
from engram.wal.protocol import Entry
from engram.wal.writer import SegmentSizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from engram.wal.protocol import Record

STORE_ID = b"simulated store!"
DIRECTORY = "default/wal"
SIZES = SegmentSizes(first=16_384, longest=65_536, fill_step=8_192)
GENERATIONS_MAX = 4
CALLS_MAX = 80
PAYLOADS_BYTES = (0, 1, 7, 100, 500, 3000, 4000, 4096, 9000, 20000)
WITHOUT_SNAPSHOT_SHARE = 0.2
TELLING_BYTES = 100
"""A payload of that many random bytes is found in no file by chance."""

TENDING: Final = ("trim", "trim", "trim", "rotate", "purge", "purge some", "second writer")

Content = tuple[int, int, bytes]


@dataclass(slots=True)
class Promise:
    """What a log was given: `kept` must be there, then any prefix of `pending` may be.

    Records up to LSN `trimmed` may be gone; those up to `purged` are, with every byte of theirs.
    """

    kept: list[Content] = field(default_factory=list)
    pending: list[Content] = field(default_factory=list)
    trimmed: int = 0
    purged: int = 0

    def settle(self, found: list[Content], after: int = 0) -> None:
        """Compare with what the reopened log holds after an LSN, and take that as promised."""
        known = self.kept[after:]
        check(found[: len(known)] == known, "an acknowledged record is lost or altered")
        extra = found[len(known) :]
        check(extra == self.pending[: len(extra)], "an unacknowledged record is altered")
        self.kept, self.pending = self.kept + extra, []

    def check_purged(self, filesystem: SimulatedFilesystem) -> None:
        """Look for purged records in every file of the log."""
        disk = [filesystem.content(f"{DIRECTORY}/{name}") for name in filesystem.list(DIRECTORY)]
        for _, _, payload in self.kept[: self.purged]:
            if len(payload) >= TELLING_BYTES:
                telling = payload[:TELLING_BYTES]
                check(not any(telling in data for data in disk), "a purged record can be read")


async def open_simulated(
    filesystem: SimulatedFilesystem,
    seed: int,
    *,
    sizes: SegmentSizes = SIZES,
    after: int = 0,
    replay: Callable[[Sequence[Record]], None] | None = None,
) -> FileLog:
    """Open the log of a simulated disk, with all file calls made in the calling task."""
    return await FileLog.open(
        filesystem,
        DIRECTORY,
        store_id=STORE_ID,
        space_id="default",
        entropy=SeededEntropy(seed),
        clock=FakeClock(),
        sizes=sizes,
        after=after,
        replay=replay,
        inline=True,
    )


async def contents(log: FileLog, after: int = 0) -> list[Content]:
    """Return kind, flags and payload of each durable record, after checking that LSNs run on."""
    found: list[Content] = []
    async for record in log.read(after):
        found.append((record.kind, record.flags, bytes(record.payload)))
        check(record.lsn == after + len(found), "an LSN is missing")
    return found


async def reopen(
    filesystem: SimulatedFilesystem, promise: Promise, chance: random.Random, seed: int
) -> FileLog:
    """Open the log from a snapshot's LSN and check what is replayed and read against the promise.

    A snapshot may be of any LSN from `trimmed` on that was durable. Now and then the log is opened
    without one first: what a trim has left must be a whole log.
    """
    if chance.random() < WITHOUT_SNAPSHOT_SHARE:
        await (await open_simulated(filesystem, seed)).aclose()
    after = chance.randint(promise.trimmed, len(promise.kept))
    replayed: list[Content] = []

    def replay(records: Sequence[Record]) -> None:
        for record in records:
            replayed.append((record.kind, record.flags, bytes(record.payload)))
            check(record.lsn == after + len(replayed), "a replayed LSN is missing")

    log = await open_simulated(filesystem, seed, after=after, replay=replay)
    found = await contents(log, promise.trimmed)
    check(found[after - promise.trimmed :] == replayed, "what is replayed is what is read")
    promise.settle(found, promise.trimmed)
    return log


async def write_some(log: FileLog, promise: Promise, chance: random.Random, steps: int) -> None:
    """Append and sync random records, noting what was promised, until the log refuses."""
    for _ in range(steps):
        entries = [_random_entry(chance) for _ in range(chance.randint(1, 4))]
        promise.pending.extend(
            (entry.kind, entry.flags, b"".join(entry.buffers)) for entry in entries
        )
        log.append(entries, expected_last_lsn=log.last_lsn)
        if chance.random() < 0.7:  # noqa: PLR2004 - most appends are synced, not all
            await log.sync(log.last_lsn)
            promise.kept += promise.pending
            promise.pending = []


async def tend(
    log: FileLog,
    promise: Promise,
    chance: random.Random,
    filesystem: SimulatedFilesystem,
    what: str,
) -> None:
    """Do one of the things that are done to a log besides writing: see TENDING."""
    if what == "trim":
        promise.trimmed = chance.randint(promise.trimmed, log.durable_lsn)
        await log.trim(promise.trimmed)
    elif what == "rotate":
        await log.rotate()
    elif what == "purge":
        await log.rotate()
        promise.trimmed = log.durable_lsn
        await log.purge(log.durable_lsn)
        check(log.first_lsn == log.durable_lsn + 1, "a purge of everything left a segment")
        promise.purged = promise.trimmed
        promise.check_purged(filesystem)
    elif what == "purge some":
        promise.trimmed = chance.randint(promise.trimmed, log.durable_lsn)
        await log.purge(promise.trimmed)
        promise.purged = log.first_lsn - 1
        promise.check_purged(filesystem)
    else:
        try:
            await open_simulated(filesystem, 0)
        except Conflict:
            return
        check(condition=False, sentence="a second writer was let in")


async def run_crash_history(seed: int) -> int:
    """Run one whole history and return how many records were promised and found.

    Raises:
        InvariantViolated: a promise was broken.
        LogCorrupted: the log refused what only a crash had done to it.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable is the point
    filesystem = SimulatedFilesystem(seed)
    promise = Promise()
    for generation in range(chance.randint(2, GENERATIONS_MAX)):
        dies_at = filesystem.call_count + chance.randint(1, CALLS_MAX)
        fault = chance.choice(["power", "power", "power", "EIO", "ENOSPC", "short"])

        def plan(call: int, _: str, at: int = dies_at, what: str = fault) -> str | None:
            return what if call == at else None

        filesystem.plan = plan
        try:
            log = await reopen(filesystem, promise, chance, seed * 100 + generation)
            for _ in range(6):
                await write_some(log, promise, chance, steps=2)
                await tend(log, promise, chance, filesystem, chance.choice(TENDING))
        except EngramError as exc:
            if exc.code == "INTERNAL_ERROR" or type(exc).__name__ == "LogCorrupted":
                raise
        filesystem.plan = None
        filesystem.crash(keep_all=chance.random() < 0.3)  # noqa: PLR2004 - or only the process
    await reopen(filesystem, promise, chance, seed * 100 + 99)
    promise.check_purged(filesystem)
    return len(promise.kept)


def run_crash_histories(seeds: Iterable[int]) -> int:
    """Run the histories of these seeds and return how many records were promised and found.

    Raises:
        InvariantViolated: a history broke a promise or was refused; the message begins with its
            seed. A plain message, so that it can come from another process.
    """

    async def run() -> int:
        records = 0
        for seed in seeds:
            try:
                records += await run_crash_history(seed)
            except EngramError as exc:
                raise InvariantViolated(f"seed {seed}: {type(exc).__name__}: {exc}") from exc
        return records

    return anyio.run(run)


def _random_entry(chance: random.Random) -> Entry:
    payload = chance.randbytes(chance.choice(PAYLOADS_BYTES))
    middle = len(payload) // 2
    return Entry(chance.randrange(256), [payload[:middle], payload[middle:]], chance.randrange(256))
