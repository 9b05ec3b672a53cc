"""Makes a damaged space usable again by giving up what is damaged, and nothing else.

Rule 1: nothing is given up unasked: `plan` says what it would be and changes nothing.
Rule 2: no damaged file is destroyed: it stays where it was, as `<name>.<n>.damaged`.
Rule 3: a crash on the way leaves a space that is damaged or repaired; repairing again finishes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import anyio.to_thread
import msgspec
import numpy as np

from engram.engine.opener import LogHints, Opened, Opener, Replay
from engram.engine.replay import Replayer
from engram.engine.salvaging import ids_of, lost_rows, raise_what_is_left, salvaging
from engram.engine.verification import CACHE_BYTES, Damage, Findings, SpaceReport, SpaceVerifier
from engram.model.errors import EngramError, FileCorrupted, LogCorrupted, StoreTooNew
from engram.model.events import Forgotten, encode
from engram.ports import Clock, Entropy, Filesystem
from engram.state.apply import apply
from engram.state.space import SpaceState, View
from engram.storage.block_cache import BlockCache
from engram.storage.manifest import Manifest, ManifestBody
from engram.storage.open_files import OpenFiles
from engram.storage.retained import HOT
from engram.storage.snapshot_content import capture
from engram.storage.snapshot_loading import Identity, OpenSegment, load
from engram.storage.snapshots import RETAINED_COUNT
from engram.wal.beginning import begin_log
from engram.wal.evidence import DurableMark
from engram.wal.evidence import is_damaged as mark_is_damaged
from engram.wal.file_log import FileLog
from engram.wal.protocol import Entry, Log
from engram.wal.recovery import survey
from engram.wal.repair import free_name
from engram.wal.salvage import DAMAGED, salvage
from engram.wal.segment import LogIdentity
from engram.wal.verify import verify

_REPORT: Final = "given-up"
_WAL: Final = "wal"
_NEW_WAL: Final = "wal.new"
_IDS_A_RECORD: Final = 8_192


@dataclass(slots=True)
class Repair:
    """What repairing a space gives up, and, once it was done, where the damaged files are.

    `lost` says it in sentences, `forgotten` are ids of the memories whose bodies cannot be read.
    `after` is what verifying found behind it, None when nothing was done.
    """

    space: str
    damage: list[Damage]
    lost: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    moved_to: list[str] = field(default_factory=list)
    after: SpaceReport | None = None


class SpaceRepairer:
    """Repairs one space of a store that nobody has open."""

    def __init__(
        self, filesystem: Filesystem, clock: Clock, entropy: Entropy, identity: Identity
    ) -> None:
        self._filesystem = filesystem
        self._clock = clock
        self._entropy = entropy
        self._identity = identity
        self._space = identity.space
        self._log_directory = f"{self._space}/{_WAL}"
        self._log_identity = LogIdentity(identity.store_id, self._space)
        self._files = OpenFiles(filesystem)

    async def plan(self) -> Repair:
        """Return what repairing would give up; changes nothing.

        Raises:
            StoreTooNew: a later release wrote something.
        """
        return (await anyio.to_thread.run_sync(self._plan))[0]

    async def repair(self) -> Repair:
        """Give up what `plan` tells; the space opens afterwards, and verifies.

        Raises:
            FileCorrupted: nothing is left that could be opened; nothing was changed.
            StoreTooNew: a later release wrote something.
            StorageFailed: the medium refused; repairing again goes on.
        """
        run = anyio.to_thread.run_sync
        await run(self._finish_new_log)
        repair, found = await run(self._plan)
        if not repair.damage:
            return repair
        with anyio.CancelScope(shield=True):
            await run(self._prepare, repair, found)
            damaged = {} if found.report.opens else _damaged_segments(found)
            opened = await self._open(damaged)
            try:
                repair.forgotten = await self._forget(opened)
                await run(self._write_snapshots, opened)
                if opened.snapshots.trim_lsn:
                    await opened.log.trim(opened.snapshots.trim_lsn)
            finally:
                await opened.log.aclose()
            await run(self._finish, repair, found, opened.state.lsn)
            repair.after = (await run(self._verifier().run)).report
        return repair

    def close(self) -> None:
        """Close all files."""
        self._files.close()

    def _verifier(self) -> SpaceVerifier:
        return SpaceVerifier(self._files, self._clock, self._identity)

    def _plan(self) -> tuple[Repair, Findings]:
        found = self._verifier().run()
        repair = Repair(self._space, found.report.damage)
        if found.report.opens:
            return repair, found
        first = _cut_lsn(found)
        if first is not None:
            last = max([found.log.durable_lsn, *(each.last_lsn for each in found.log.segments)])
            repair.lost.append(f"all that was recorded from LSN {first} to {max(first, last)}")
        view = self._left(found)
        if view is not None:
            repair.forgotten = ids_of(view, lost_rows(view))
        if repair.forgotten:
            count = len(repair.forgotten)
            repair.lost.append(f"{count:,} memories whose vector or text cannot be read")
        return repair, found

    def _left(self, found: Findings) -> View | None:
        """Return what is left of the newest snapshot that has its parts, and of the log after."""
        stored = found.stored
        whole = [each for each in stored.snapshots if stored.has_parts(each)]
        if not whole or whole[-1].body is None:
            return None
        state = SpaceState()
        for follow in (True, False):
            opener = self._opener_of_segments(_damaged_segments(found))
            state = load(self._filesystem, f"{self._space}/{HOT}", whole[-1].body, opener).state
            try:
                if follow:
                    self._follow(state, found.log.durable_lsn)
            except StoreTooNew:
                raise
            except EngramError:  # the log is damaged: its part is told by LSN
                continue
            return state.view()
        return state.view()

    def _follow(self, state: SpaceState, durable_lsn: int) -> None:
        survey(
            self._filesystem,
            self._log_directory,
            self._log_identity,
            durable_lsn,
            after=state.lsn,
            replay=Replayer(state).apply,
        )

    def _opener_of_segments(self, damaged: dict[str, int]) -> OpenSegment:
        return salvaging(self._files, self._space, damaged, BlockCache(CACHE_BYTES))

    def _prepare(self, repair: Repair, found: Findings) -> None:
        """Write down what is given up, and take out of the way what would stop an opening."""
        self._check_possible(found)
        self._write_report(repair)
        for bad in {each.path for each in _snapshot_damage(found)}:
            self._move_aside(repair, bad)
        if mark_is_damaged(self._filesystem, self._log_directory, self._log_identity.as_bytes()):
            mark = DurableMark(self._filesystem, self._log_directory, self._log_identity.as_bytes())
            try:
                mark.write(0)
                mark.sync()
            finally:
                mark.close()
        if not found.report.opens and found.log.damage:
            self._salvage(repair, found)

    def _check_possible(self, found: Findings) -> None:
        stored = found.stored
        begins = found.log.segments[0].first_lsn if found.log.segments else 1
        if found.report.opens or any(map(stored.has_parts, stored.snapshots)) or begins == 1:
            return
        reason = f"no snapshot is whole, and the log begins with LSN {begins}: nothing is left"
        raise FileCorrupted(f"{self._space}/{HOT}", 0, reason)

    def _salvage(self, repair: Repair, found: Findings) -> None:
        """End the log before its damage, and what the manifest vouches for with it."""
        stored = found.stored
        whole = [each.name for each in stored.snapshots if stored.has_parts(each)]
        base = max((name.lsn for name in whole), default=0)
        if stored.manifest.is_readable or whole:
            manifest = Manifest(self._filesystem, self._space, self._identity.as_bytes())
            manifest.read()
            manifest.flip(ManifestBody(tuple(whole), base, manifest.body.remembered))
        done = salvage(
            self._filesystem,
            self._entropy,
            self._log_directory,
            self._log_identity,
            durable_lsn=found.log.durable_lsn,
            after=base,
        )
        repair.moved_to += done.moved_to

    async def _open(self, damaged: dict[str, int]) -> Opened:
        """Open the space as an opener does, damaged tier segments for what is left of them."""

        async def open_log(
            space: str, directory: str, hints: LogHints, replay: Replay | None = None
        ) -> tuple[Log, str]:
            log = await FileLog.open(
                self._filesystem,
                directory,
                store_id=self._identity.store_id,
                space_id=space,
                entropy=self._entropy,
                clock=self._clock,
                durable_lsn=hints.durable_lsn,
                after=hints.after,
                replay=replay,
            )
            return log, log.recovery.sync_method

        return await Opener(
            self._filesystem,
            self._clock,
            self._identity.store_id,
            open_log,
            lambda _: self._opener_of_segments(damaged),
        ).open(self._space)

    async def _forget(self, opened: Opened) -> list[str]:
        """Record that memories without bodies are forgotten, and let go of damaged segments."""
        state = opened.state
        view = state.view()
        rows = await anyio.to_thread.run_sync(lost_rows, view)
        for first in range(0, len(rows), _IDS_A_RECORD):
            chosen = rows[first : first + _IDS_A_RECORD]
            columns = [view.gather(name, chosen) for name in ("id_high", "id_low")]
            event = Forgotten(np.stack(columns, axis=1).astype("<u8").tobytes(), self._clock.now())
            last = opened.log.append([Entry(*encode(event))], expected_last_lsn=state.lsn)
            await opened.log.sync(last)
            apply(state, event, b"", last)
        await anyio.to_thread.run_sync(raise_what_is_left, state)
        return ids_of(view, rows)

    def _write_snapshots(self, opened: Opened) -> None:
        """Take as many snapshots as are kept, so that no damaged one is among them."""
        for _ in range(RETAINED_COUNT):
            for _ in opened.snapshots.checkpoint(capture(opened.state)):
                pass

    def _finish(self, repair: Repair, found: Findings, lsn: int) -> None:
        """Keep what is damaged and not needed any more aside, the log too if it still is."""
        for directory in _damaged_segments(found):
            self._move_aside(repair, f"{self._space}/{directory}")
        try:
            is_sound = verify(
                self._filesystem, self._log_directory, self._log_identity, after=lsn
            ).is_sound
        except LogCorrupted:
            is_sound = False
        if not is_sound:
            self._begin_new_log(repair, lsn)

    def _begin_new_log(self, repair: Repair, lsn: int) -> None:
        """Put an empty log in the place of one of which the snapshots hold everything."""
        begin_log(
            self._filesystem,
            f"{self._space}/{_NEW_WAL}",
            store_id=self._identity.store_id,
            space_id=self._space,
            entropy=self._entropy,
            first_lsn=lsn + 1,
        )
        self._move_aside(repair, self._log_directory)
        self._finish_new_log()

    def _finish_new_log(self) -> None:
        """Put a new log in place that an earlier repair did not come to."""
        has_new = bool(self._filesystem.list(f"{self._space}/{_NEW_WAL}"))
        if has_new and not self._filesystem.list(self._log_directory):
            self._filesystem.rename(f"{self._space}/{_NEW_WAL}", self._log_directory)
            self._filesystem.sync_directory(self._space)
        elif has_new:
            for name in self._filesystem.list(f"{self._space}/{_NEW_WAL}"):
                self._filesystem.remove(f"{self._space}/{_NEW_WAL}/{name}")
            self._filesystem.remove(f"{self._space}/{_NEW_WAL}")

    def _write_report(self, repair: Repair) -> None:
        """Write down what is given up, durably, before anything is."""
        names = self._filesystem.list(self._space)
        path = free_name(f"{self._space}/{_REPORT}", "json", names)
        value = {
            "damage": [each._asdict() for each in repair.damage],
            "lost": repair.lost,
            "forgotten": repair.forgotten,
        }
        handle = self._filesystem.create_exclusive(path)
        try:
            self._filesystem.write_at(handle, 0, [msgspec.json.encode(value)])
            self._filesystem.sync(handle)
        finally:
            handle.close()
        self._filesystem.sync_directory(self._space)
        repair.moved_to.append(path)

    def _move_aside(self, repair: Repair, path: str) -> None:
        """Rename a file or a directory where it is; harmless when it is not there."""
        parent, _, name = path.rpartition("/")
        names = self._filesystem.list(parent)
        if name in names:
            target = free_name(path, DAMAGED, names)
            self._filesystem.rename(path, target)
            self._filesystem.sync_directory(parent)
            repair.moved_to.append(target)


def _cut_lsn(found: Findings) -> int | None:
    """Return the LSN from which on the log is given up; None when opening meets no damage."""
    stored, segments = found.stored, found.log.segments
    base = max((each.name.lsn for each in stored.snapshots if stored.has_parts(each)), default=0)
    needed = {
        each.path
        for position, each in enumerate(segments)
        if position + 1 == len(segments) or segments[position + 1].first_lsn > base + 1
    }
    unneeded = {each.path for each in segments} - needed
    met = [each.lsn_first for each in found.log.damage if each.path not in unneeded]
    return max(min(met), base + 1) if met else None


def _damaged_segments(found: Findings) -> dict[str, int]:
    """Return the directories of damaged tier segments with how many bodies they hold."""
    return {
        directory: max(each.segments.get(directory, 0) for each in found.stored.snapshots)
        for directory, damage in found.stored.segments.items()
        if damage
    }


def _snapshot_damage(found: Findings) -> Iterator[Damage]:
    """Give the damage of snapshots and word indexes."""
    paths = {bad.path for each in found.stored.snapshots for bad in each.damage}
    paths |= {bad.path for bad in found.stored.words_damage}
    return (each for each in found.report.damage if each.path in paths)
