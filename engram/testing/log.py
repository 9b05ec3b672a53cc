"""What every Log must do, as plain functions that take a maker.

`record_bytes_max` of the logs made must be at least 100,000 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import anyio

from engram.model.errors import (
    Closed,
    Conflict,
    EngramError,
    InvalidRequest,
    LogPoisoned,
    check,
)
from engram.wal.protocol import Entry, Log

if TYPE_CHECKING:
    from collections.abc import Sequence


class LogMaker(Protocol):
    """Makes logs of one kind, and breaks them."""

    async def __call__(self, previous: Log | None) -> Log:
        """Open a new, empty log, or open again what `previous` holds.

        May be asked to while `previous` is open: that raises Conflict, or fences `previous` off.
        """

    def fail_next_sync(self, share: float) -> None:
        """Let the next sync of the log made last fail once about `share` of its work is done."""


BIG_BYTES = 100_000
WRITERS = 20
RECORDS = 30
TRIMMED = 20
KEPT = RECORDS - TRIMMED


async def check_log(make_log: LogMaker) -> None:
    """Run every check below; InvariantViolated names the promise that was broken."""
    for one in (
        check_order_and_content,
        check_only_durable_is_read,
        check_fencing,
        check_two_writers,
        check_unknown_outcome,
        check_limits,
        check_begun_ahead,
        check_shared_sync,
        check_cancelled_waiter,
        check_trim,
        check_closed,
    ):
        await one(make_log)


async def check_order_and_content(make_log: LogMaker) -> None:
    """What was synced is read back in order, byte for byte, also after opening again."""
    log = await make_log(None)
    check(log.last_lsn == 0 and log.durable_lsn == 0, "a new log begins at LSN 0")
    entries = [
        Entry(0, []),
        Entry(255, [b"one ", bytearray(b"two "), memoryview(b"three")], 255),
        Entry(7, [b"", b"", bytes(1)], 1),
        *[Entry(kind, [bytes([kind]) * (kind * 37)], 255 - kind) for kind in range(0, 256, 5)],
        Entry(9, [memoryview(bytes(range(250)) * (BIG_BYTES // 250))]),
    ]
    expected = [(kind, flags, b"".join(buffers)) for kind, buffers, flags in entries]
    check(log.append(entries, expected_last_lsn=0) == len(entries), "append returns the last LSN")
    check(log.append([], expected_last_lsn=len(entries)) == len(entries), "nothing is no record")
    await log.sync(log.last_lsn)
    check(log.durable_lsn == len(entries), "sync makes everything durable")
    check(await _contents(log, 0) == expected, "a record was altered")
    check(await _contents(log, 10) == expected[10:], "reading begins right after an LSN")
    check(await _contents(log, len(entries)) == [], "nothing follows the last record")
    await log.aclose()
    again = await make_log(log)
    check(again.last_lsn == again.durable_lsn == len(entries), "reopening keeps the last LSN")
    check(await _contents(again, 0) == expected, "reopening altered a record")
    await _put(again, b"more")
    check(len(await _contents(again, 0)) == len(entries) + 1, "a reopened log goes on")
    await again.aclose()


async def check_only_durable_is_read(make_log: LogMaker) -> None:
    """What was appended and never synced is not read."""
    log = await make_log(None)
    await _put(log, b"durable")
    log.append([Entry(1, [b"buffered"])], expected_last_lsn=1)
    check(log.last_lsn == log.durable_lsn + 1, "an append alone is not durable")
    check(await _contents(log, 0) == [(1, 0, b"durable")], "a record that is not durable was read")
    await log.aclose()


async def check_fencing(make_log: LogMaker) -> None:
    """A writer that does not know the last LSN is refused and changes nothing."""
    log = await make_log(None)
    await _put(log, b"one")
    for expected in (0, 2):
        await _expect(Conflict, partial(log.append, [Entry(1, [])], expected_last_lsn=expected))
    check(log.last_lsn == 1, "a refused append changed the log")
    await log.aclose()


async def check_two_writers(make_log: LogMaker) -> None:
    """Of two writers one wins: the other is refused, and nothing of it is ever read."""
    first = await make_log(None)
    await _put(first, b"before")
    first.append([Entry(1, [b"gathered"])], expected_last_lsn=1)
    try:
        second = await make_log(first)
    except Conflict:
        await first.sync(2)
        winner, expected = first, [b"before", b"gathered", b"after"]
    else:
        check(second.last_lsn == 1, "a second writer sees what the first never synced")
        for loses in (_append_and_sync(first), first.sync(2), first.trim(1)):
            try:
                await loses
            except Conflict:
                continue
            check(condition=False, sentence="the first of two writers went on")
        winner, expected = second, [b"before", b"after"]
    await _put(winner, b"after")
    await first.aclose()
    await winner.aclose()
    again = await make_log(winner)
    check([p for _, _, p in await _contents(again, 0)] == expected, "two writers were mixed")
    await again.aclose()


async def check_unknown_outcome(make_log: LogMaker) -> None:
    """After a failed sync each record is there or not, in order, and reading tells which."""
    log = await make_log(None)
    expected: list[tuple[int, int, bytes]] = []
    for share in (0.0, 0.3, 0.5, 0.99, 1.0):
        await _put(log, b"known")
        expected.append((1, 0, b"known"))
        wanted = [(kind, 0, bytes([kind]) * 700 * kind) for kind in range(2, 7)]
        entries = [Entry(kind, [payload]) for kind, _, payload in wanted]
        last = log.append(entries, expected_last_lsn=log.last_lsn)
        make_log.fail_next_sync(share)
        for _ in range(2):
            try:
                await log.sync(last)
            except LogPoisoned:
                continue
            check(condition=False, sentence="a sync after a failed one returned")
        await _expect(LogPoisoned, partial(log.append, entries, expected_last_lsn=last))
        await log.aclose()
        log = await make_log(log)
        found = await _contents(log, len(expected))
        check(found == wanted[: len(found)], "a record is there in part, or out of order")
        check(log.last_lsn == len(expected) + len(found), "what is read is not what is counted")
        missing = entries[len(found) :]
        await log.sync(log.append(missing, expected_last_lsn=log.last_lsn))
        expected += wanted
        check(await _contents(log, 0) == expected, "a record is there twice, or not at all")
    await log.aclose()


async def check_limits(make_log: LogMaker) -> None:
    """Payloads over the limit, kinds beyond a byte and LSNs to come are refused, all or none."""
    log = await make_log(None)
    too_long = Entry(1, [bytes(log.record_bytes_max), b"x"])
    for bad in (too_long, Entry(256, []), Entry(-1, []), Entry(1, [], 256)):
        await _expect(
            InvalidRequest,
            partial(log.append, [Entry(1, [b"good"]), bad], expected_last_lsn=0),
        )
    check(log.last_lsn == 0, "a refused append took some of its entries")
    try:
        await log.sync(1)
    except InvalidRequest:
        pass
    else:
        check(condition=False, sentence="an LSN that was not appended was synced")
    await log.aclose()


async def check_begun_ahead(make_log: LogMaker) -> None:
    """What was begun ahead, and what was gathered behind it, is durable when its sync returns."""
    log = await make_log(None)
    first = log.append([Entry(1, [b"begun"])], expected_last_lsn=0)
    log.begin(first)
    last = log.append([Entry(1, [b"behind"])], expected_last_lsn=first)
    log.begin(last)
    log.begin(first)
    await _expect(InvalidRequest, partial(log.begin, last + 1))
    await log.sync(first)
    check(log.durable_lsn >= first, "sync of what was begun returned before it was durable")
    await log.sync(last)
    check(log.durable_lsn == last, "what was gathered behind a write was not written after it")
    log.begin(last)
    check([p for _, _, p in await _contents(log, 0)] == [b"begun", b"behind"], "order was changed")
    await log.aclose()
    await _expect(Closed, partial(log.begin, last))


async def check_shared_sync(make_log: LogMaker) -> None:
    """Many writers at once each find their own record durable when their sync returns."""
    log = await make_log(None)

    async def write(number: int) -> None:
        for step in range(5):
            payload = f"{number}/{step}".encode()
            lsn = log.append([Entry(1, [payload])], expected_last_lsn=log.last_lsn)
            await log.sync(lsn)
            check(log.durable_lsn >= lsn, "sync returned before the record was durable")

    async with anyio.create_task_group() as tasks:
        for number in range(WRITERS):
            tasks.start_soon(write, number)
    found = [payload.decode() for _, _, payload in await _contents(log, 0)]
    for number in range(WRITERS):
        own = [text for text in found if text.startswith(f"{number}/")]
        check(own == [f"{number}/{step}" for step in range(5)], "a writer's order was changed")
    await log.aclose()


async def check_cancelled_waiter(make_log: LogMaker) -> None:
    """Cancelling one waiter harms neither the others nor the record."""
    log = await make_log(None)
    outcomes: list[int] = []

    async def wait(lsn: int) -> None:
        await log.sync(lsn)
        outcomes.append(lsn)

    async with anyio.create_task_group() as others:
        lsn = log.append([Entry(1, [b"shared"])], expected_last_lsn=0)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await log.sync(lsn)
        for _ in range(3):
            others.start_soon(wait, lsn)
    check(outcomes == [lsn] * 3, "a waiter was lost with the one that was cancelled")
    check(len(await _contents(log, 0)) == 1, "a record was lost with its cancelled waiter")
    await log.aclose()


async def check_trim(make_log: LogMaker) -> None:
    """Trimming keeps everything after its LSN and never moves an LSN."""
    log = await make_log(None)
    for number in range(RECORDS):
        await _put(log, bytes([number]) * 3000)
    await log.trim(TRIMMED)
    check(
        len(await _contents(log, TRIMMED)) == KEPT,
        "trim dropped a record it had to keep",
    )
    await log.aclose()
    again = await make_log(log)
    check(again.last_lsn == RECORDS, "trim moved the last LSN")
    check(
        len(await _contents(again, TRIMMED)) == KEPT,
        "a trimmed log lost records when reopened",
    )
    try:
        await again.trim(RECORDS + 1)
    except InvalidRequest:
        pass
    else:
        check(condition=False, sentence="what is not durable was trimmed")
    await again.aclose()


async def check_closed(make_log: LogMaker) -> None:
    """A closed log refuses, and closing it again is harmless."""
    log = await make_log(None)
    await log.aclose()
    await log.aclose()
    await _expect(Closed, lambda: log.append([Entry(1, [])], expected_last_lsn=0))
    try:
        await _contents(log, 0)
    except Closed:
        return
    check(condition=False, sentence="a closed log was read")


async def _append_and_sync(log: Log) -> None:
    await log.sync(log.append([Entry(1, [b"too late"])], expected_last_lsn=log.last_lsn))


async def _put(log: Log, payload: bytes) -> None:
    await log.sync(log.append([Entry(1, [payload])], expected_last_lsn=log.last_lsn))


async def _contents(log: Log, after: int) -> Sequence[tuple[int, int, bytes]]:
    found: list[tuple[int, int, bytes]] = []
    async for record in log.read(after):
        check(record.lsn == after + len(found) + 1, "LSNs do not run on")
        found.append((record.kind, record.flags, bytes(record.payload)))
    return found


async def _expect(kind: type[EngramError], call: Callable[[], object]) -> None:
    try:
        call()
    except kind:
        return
    check(condition=False, sentence=f"{kind.__name__} was not raised")
