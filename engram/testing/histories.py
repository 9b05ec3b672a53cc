"""Seeded histories of a log: write, fail, lose power, reopen, go on; what was promised must hold.

The same seed gives the same history. Each generation opens the log, compares what it holds with
what was promised, appends and syncs until the power fails or a fault poisons it, and crashes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from engram.model.errors import EngramError, check
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.file_log import FileLog
from engram.wal.protocol import Entry
from engram.wal.writer import SegmentSizes

STORE_ID = b"simulated store!"
DIRECTORY = "default/wal"
SIZES = SegmentSizes(first=16_384, longest=65_536, fill_step=8_192)
GENERATIONS_MAX = 4
CALLS_MAX = 60
PAYLOADS_BYTES = (0, 1, 7, 100, 500, 3000, 4000, 4096, 9000, 20000)

Content = tuple[int, int, bytes]


@dataclass(slots=True)
class Promise:
    """What a log was given: `kept` must be there, then any prefix of `pending` may be."""

    kept: list[Content] = field(default_factory=list)
    pending: list[Content] = field(default_factory=list)

    def settle(self, found: list[Content]) -> None:
        """Compare with what the reopened log holds, and take that as promised from now on."""
        check(found[: len(self.kept)] == self.kept, "an acknowledged record is lost or altered")
        extra = found[len(self.kept) :]
        check(extra == self.pending[: len(extra)], "an unacknowledged record is altered")
        self.kept, self.pending = found, []


async def open_simulated(
    filesystem: SimulatedFilesystem, seed: int, *, sizes: SegmentSizes = SIZES
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
        inline=True,
    )


async def contents(log: FileLog) -> list[Content]:
    """Return kind, flags and payload of each durable record, after checking that LSNs run on."""
    found: list[Content] = []
    async for record in log.read(0):
        found.append((record.kind, record.flags, bytes(record.payload)))
        check(record.lsn == len(found), "an LSN is missing")
    return found


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
            log = await open_simulated(filesystem, seed * 100 + generation)
            promise.settle(await contents(log))
            await write_some(log, promise, chance, steps=12)
        except EngramError as exc:
            if exc.code == "INTERNAL_ERROR" or type(exc).__name__ == "LogCorrupted":
                raise
        filesystem.plan = None
        filesystem.crash(keep_all=chance.random() < 0.3)  # noqa: PLR2004 - or only the process
    log = await open_simulated(filesystem, seed * 100 + 99)
    promise.settle(await contents(log))
    return len(promise.kept)


def _random_entry(chance: random.Random) -> Entry:
    payload = chance.randbytes(chance.choice(PAYLOADS_BYTES))
    middle = len(payload) // 2
    return Entry(chance.randrange(256), [payload[:middle], payload[middle:]], chance.randrange(256))
