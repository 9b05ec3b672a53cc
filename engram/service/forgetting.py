"""Forgetting: out of every answer, or out of every file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import anyio
import anyio.to_thread

from engram.engine.space_engine import SpaceEngine
from engram.model.commands import Forget
from engram.model.errors import EngramError, InvalidRequest, InvariantViolated, MemoryNotFound
from engram.model.ids import MemoryId
from engram.model.memory import ForgetReceipt, to_datetime
from engram.service.core import Core
from engram.state.current import not_found
from engram.state.space import SpaceState

SUPPRESS: Final = "suppress"
DELETE: Final = "delete"
ERASE: Final = "erase"
# 1,000 commands on their way at once: some commit groups, a tenth of what may wait.
_AT_ONCE: Final = 1_000

Progress = Callable[[int, int], None]


def check_mode(mode: object) -> None:
    """Raise InvalidRequest for a mode there is not."""
    if mode not in (SUPPRESS, DELETE, ERASE):
        raise InvalidRequest(f"mode is {mode!r}; it must be {SUPPRESS!r}, {DELETE!r} or {ERASE!r}")


async def delete(
    engine: SpaceEngine, core: Core, ids: Sequence[MemoryId], progress: Progress | None
) -> ForgetReceipt:
    """Take memories out of every answer about the present."""
    view, now = engine.view, core.clock.now()
    for each in ids:
        if view.row_of(*each, now=now) is None:
            raise not_found(view, engine.space, each, now)
    lsn, done = view.lsn, 0
    while done < len(ids):
        part = ids[done : done + _AT_ONCE]
        lsn = await _delete(engine, part)
        done += len(part)
        if progress is not None:
            progress(done, len(ids))
    return ForgetReceipt(tuple(map(str, ids)), DELETE, lsn)


async def _delete(engine: SpaceEngine, ids: Sequence[MemoryId]) -> int:
    """Forget some memories in as few groups as may be; return the last LSN."""
    lsns: list[int] = []
    failures: list[EngramError] = []

    async def forget(memory: MemoryId) -> None:
        try:
            lsns.append((await engine.submit(Forget(memory)))[1])
        except EngramError as failure:
            failures.append(failure)

    async with anyio.create_task_group() as tasks:
        for each in ids:
            tasks.start_soon(forget, each)
    if failures:
        raise failures[0]
    return max(lsns)


async def erase(
    engine: SpaceEngine, core: Core, ids: Sequence[MemoryId], progress: Progress | None
) -> ForgetReceipt:
    """Leave no byte of memories in any file of the store.

    One that is not there any more is noted all the same where copies of the store were made.
    """
    eraser = engine.eraser
    if eraser is None:
        raise InvariantViolated("a space that is open can erase")
    if not ids:
        return ForgetReceipt((), ERASE, engine.view.lsn)
    places = await anyio.to_thread.run_sync(core.registry.backup_places.all)
    copies = tuple(dict.fromkeys([*(each.location for each in core.archives), *places]))
    missing = await engine.between_groups(lambda state: _missing(state, ids))
    if missing is not None and not copies:
        raise MemoryNotFound(str(missing), engine.space)
    done = await eraser.erase(ids, progress, gone_too=missing is not None)
    for archive in core.archives:
        await archive.prepare()
        await archive.note_erased(_raw(each) for each in ids)
    return ForgetReceipt(
        tuple(map(str, ids)),
        ERASE,
        done.lsn,
        to_datetime(done.at),
        done.segments_rewritten,
        done.files,
        done.bytes_count,
        copies,
    )


def _missing(state: SpaceState, ids: Sequence[MemoryId]) -> MemoryId | None:
    """Return the first memory that is not there and was not erased either."""
    for each in ids:
        if state.row_with_id(*each) is None and not state.erasures.holds(*each):
            return each
    return None


def _raw(memory: MemoryId) -> bytes:
    return memory.high.to_bytes(8, "little") + memory.low.to_bytes(8, "little")
