"""Verifies whole stores that nobody has open, and single spaces of those that are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import anyio.to_thread

from engram.engine.repairing import Repair, SpaceRepairer
from engram.engine.store import STORE_FILE, Store
from engram.engine.verification import NOTHING, Damage, Progress, SpaceReport, SpaceVerifier
from engram.model.errors import InvalidRequest, SpaceNotFound
from engram.model.ids import check_space_id
from engram.ports import Clock, Entropy, Filesystem
from engram.storage.open_files import OpenFiles
from engram.storage.snapshot_loading import Identity

OnSpace = Callable[[SpaceReport], None]


@dataclass(slots=True)
class StoreReport:
    """What verifying a store found: damage of its own, and a report for each space."""

    damage: list[Damage] = field(default_factory=list)
    spaces: list[SpaceReport] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage and all(each.is_sound for each in self.spaces)


def spaces_of(filesystem: Filesystem) -> list[str]:
    """Return the ids of the spaces that have a log, or had one; blocks."""
    found = []
    for name in filesystem.list(""):
        try:
            check_space_id(name)
        except InvalidRequest:
            continue
        if any(filesystem.list(f"{name}/{part}") for part in ("wal", "hot")):
            found.append(name)
    return found


async def verify_space(
    filesystem: Filesystem,
    clock: Clock,
    store_id: bytes,
    space: str,
    progress: Progress | None = None,
) -> SpaceReport:
    """Read a space again, all of it, in a worker thread; `progress` gets (bytes done, in all).

    Raises:
        StoreTooNew: a later release wrote something.
    """
    files = OpenFiles(filesystem)
    verifier = SpaceVerifier(files, clock, Identity(store_id, space), progress)
    try:
        return (await anyio.to_thread.run_sync(verifier.run)).report
    finally:
        files.close()


async def verify_store(
    filesystem: Filesystem,
    clock: Clock,
    path: str,
    *,
    spaces: Sequence[str] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    on_space: OnSpace | None = None,
) -> StoreReport:
    """Read a store that nobody has open again, all of it or some spaces; changes nothing.

    Args:
        filesystem: the store's.
        clock: measures.
        path: what messages call the store.
        spaces: those wanted; None for all.
        progress: called with (space, bytes done, bytes in all).
        on_space: called with each report as soon as it is there.

    Raises:
        InvalidRequest: there is no store.
        SpaceNotFound: there is no such space.
        StoreInUse: another process has it open.
        StoreTooNew: a later release wrote it.
        LogCorrupted: neither STORE nor any log tells whose the files are.
    """
    blocking: Callable[..., Awaitable[tuple[Store, str]]] = anyio.to_thread.run_sync
    store, instead = await blocking(Store.open_as_it_is, filesystem, path)
    report = StoreReport()
    try:
        if instead:
            report.damage.append(store_damage(instead))
        found = await anyio.to_thread.run_sync(spaces_of, filesystem)
        for space in found if spaces is None else spaces:
            if space not in found:
                raise SpaceNotFound(space)
            told = None if progress is None else partial(progress, space)
            each = await verify_space(filesystem, clock, store.store_id, space, told)
            report.spaces.append(each)
            if on_space is not None:
                on_space(each)
    finally:
        store.close()
    return report


async def repair_space(
    filesystem: Filesystem,
    clock: Clock,
    entropy: Entropy,
    path: str,
    space: str,
    *,
    accept_loss: bool = False,
) -> Repair:
    """Make a damaged space usable again; without `accept_loss` only say what would be given up.

    A STORE file that is not whole is written anew, which costs nothing.

    Raises:
        InvalidRequest: there is no store.
        SpaceNotFound: there is no such space.
        StoreInUse: another process has it open.
        StoreTooNew: a later release wrote it.
        FileCorrupted: nothing is left of the space that could be opened; nothing was changed.
        LogCorrupted: neither STORE nor any log tells whose the files are.
        StorageFailed: the medium refused; repairing again goes on.
    """
    run: Callable[..., Awaitable[Any]] = anyio.to_thread.run_sync
    store, instead = await run(Store.open_as_it_is, filesystem, path)
    try:
        if space not in await run(spaces_of, filesystem):
            raise SpaceNotFound(space)
        repairer = SpaceRepairer(filesystem, clock, entropy, Identity(store.store_id, space))
        try:
            if not accept_loss:
                repair = await repairer.plan()
            else:
                if instead:
                    await run(store.write_header, filesystem)
                repair = await repairer.repair()
        finally:
            repairer.close()
        if instead:
            repair.damage.insert(0, store_damage(instead))
    finally:
        store.close()
    return repair


def store_damage(instead: str) -> Damage:
    """Return what is to be said of a STORE file that is not whole, and of what serves instead."""
    reason = "it is not as it was written"
    return Damage(STORE_FILE, 0, reason, NOTHING, instead)
