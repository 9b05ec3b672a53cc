"""Says everything that is wrong with a space on the disk, and what that means; changes nothing.

A space is whole when every file is as it was written and every way to the present (each snapshot
with the log after it, and the log alone where it still begins at the first record) leads to the
same state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from engram.engine.replay import Replayer
from engram.model.errors import DurabilityError, EngramError, LogCorrupted, StoreTooNew
from engram.ports import Clock
from engram.state.bodies import Sealed
from engram.state.digest import digest
from engram.state.space import SpaceState
from engram.storage.block_cache import BlockCache
from engram.storage.manifest import MANIFEST_FILE
from engram.storage.open_files import OpenFiles
from engram.storage.retained import HOT
from engram.storage.snapshot_content import SealedName
from engram.storage.snapshot_loading import Identity, load
from engram.storage.stored_files import (
    BadFile,
    StoredFiles,
    StoredSnapshot,
    bad_file,
    read_stored_files,
    size_of_files,
)
from engram.storage.tier_segment import TierSegment
from engram.wal.evidence import NAME as MARK_FILE
from engram.wal.evidence import is_damaged
from engram.wal.protocol import Lsn, Record
from engram.wal.recovery import survey
from engram.wal.segment import LogIdentity
from engram.wal.verify import LogReport, verify

Progress = Callable[[int, int], None]

CACHE_BYTES: Final = 64 << 20
"""Bytes of tier segments kept in RAM while a state is compared: each block is needed once or twice,
one after the other."""

NOTHING: Final = "nothing"


class Damage(NamedTuple):
    """One thing that is wrong: where, why, what is lost if it is given up, and what serves instead.

    `path` begins at the store's directory; `instead` is empty where nothing does.
    """

    path: str
    offset: int
    reason: str
    lost: str
    instead: str


class Way(NamedTuple):
    """A way to the present: from which LSN of which snapshot (0: none), where it led, or why not.

    `digest` and `lsn` are what it led to; `error` is None when it did.
    """

    snapshot_lsn: Lsn
    lsn: Lsn
    digest: str
    error: str | None

    @property
    def name(self) -> str:
        """What messages call it."""
        if not self.snapshot_lsn:
            return "the log from its beginning"
        return f"the snapshot at LSN {self.snapshot_lsn} and the log after it"


@dataclass(slots=True)
class SpaceReport:
    """What verifying a space found. `entries` are the records of the log that are whole.

    `opens` says whether the space can be opened as it is, `lsn` and `digest` what that leads to
    (0 and empty when it cannot be).
    """

    space: str
    entries: int = 0
    bytes_read: int = 0
    duration_ms: float = 0.0
    opens: bool = False
    lsn: Lsn = 0
    digest: str = ""
    ways: list[Way] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


class Findings(NamedTuple):
    """All that was read, for whoever has to repair it."""

    report: SpaceReport
    stored: StoredFiles
    log: LogReport


class SpaceVerifier:
    """Verifies one space; blocking, once.

    The space may be open while nothing is removed from it.
    """

    def __init__(
        self,
        files: OpenFiles,
        clock: Clock,
        identity: Identity,
        progress: Progress | None = None,
    ) -> None:
        self._files = files
        self._filesystem = files.filesystem
        self._clock = clock
        self._identity = identity
        self._progress = progress
        self._report = SpaceReport(identity.space)
        self._log_directory = f"{identity.space}/wal"
        self._log_identity = LogIdentity(identity.store_id, identity.space)
        self._total = 0

    def run(self) -> Findings:
        """Read all there is.

        Raises:
            StoreTooNew: a later release wrote something.
        """
        started = self._clock.monotonic()
        with suppress(DurabilityError):  # told below, where it is met
            self._total = size_of_files(self._files, self._identity.space)
        stored = read_stored_files(self._files, self._identity, self._read)
        log = self._read_log(stored)
        self._find_ways(stored, log)
        report = self._report
        leads = bool(report.ways) and report.ways[0].error is None
        report.opens = leads and stored.manifest_failure is None
        if report.opens:
            report.lsn, report.digest = report.ways[0].lsn, report.ways[0].digest
        self._judge(stored, log)
        report.duration_ms = (self._clock.monotonic() - started) / 1_000_000
        return Findings(report, stored, log)

    def _read(self, bytes_count: int) -> None:
        self._report.bytes_read += bytes_count
        if self._progress is not None:
            self._total = max(self._total, self._report.bytes_read)
            self._progress(self._report.bytes_read, self._total)

    def _read_log(self, stored: StoredFiles) -> LogReport:
        whole = [each.name.lsn for each in stored.snapshots if stored.has_parts(each)]
        try:
            log = verify(
                self._filesystem,
                self._log_directory,
                self._log_identity,
                durable_lsn=stored.durable_lsn,
                after=max(whole, default=0),
            )
        except DurabilityError as failure:
            log = LogReport()
            self._add(bad_file(failure, self._log_directory), "what only the log holds", "")
        for segment in log.segments:
            self._report.entries += max(0, segment.last_lsn - segment.first_lsn + 1)
            self._read(segment.end_offset)
        return log

    def _find_ways(self, stored: StoredFiles, log: LogReport) -> None:
        """Go every way there is, the one that opening takes first."""
        upto: Lsn | None = None
        whole = [each for each in reversed(stored.snapshots) if stored.is_whole(each)]
        begins = log.segments[0].first_lsn if log.segments else 1
        starts: list[StoredSnapshot | None] = [*whole]
        if begins == 1 and (log.segments or not stored.snapshots):
            starts.append(None)
        for start in starts:
            way = self._go(start, upto, log.durable_lsn)
            self._report.ways.append(way)
            if way.error is None and upto is None:
                upto = way.lsn

    def _go(self, start: StoredSnapshot | None, upto: Lsn | None, durable_lsn: Lsn) -> Way:
        """Go one way, up to the LSN where an earlier one ended: the log may have grown since."""
        lsn = 0 if start is None else start.name.lsn
        try:
            state = SpaceState()
            if start is not None and start.body is not None:
                directory = f"{self._identity.space}/{HOT}"
                loaded = load(self._filesystem, directory, start.body, self._open_segment)
                state = loaded.state
                self._read(loaded.bytes_count)
            replayer = _Bounded(state, upto)
            found = survey(
                self._filesystem,
                self._log_directory,
                self._log_identity,
                durable_lsn,
                after=lsn,
                replay=replayer.apply,
            )
            self._read(found.read_bytes)
            goal = found.last_lsn if upto is None else upto
            if state.lsn != goal:
                return Way(lsn, state.lsn, "", f"it ends with LSN {state.lsn}, not with {goal}")
            return Way(lsn, state.lsn, digest(state), None)
        except StoreTooNew:
            raise
        except LogCorrupted as damage:
            return Way(lsn, lsn, "", f"{damage.path} at byte {damage.offset}: {damage.reason}")
        except EngramError as error:
            return Way(lsn, lsn, "", str(error))
        finally:
            self._files.let_go(self._identity.space)

    def _open_segment(self, name: SealedName) -> Sealed:
        directory = f"{self._identity.space}/{name.tier}/{name.number:020d}"
        return TierSegment.open(self._files, directory, BlockCache(CACHE_BYTES), name.digest)

    def _judge(self, stored: StoredFiles, log: LogReport) -> None:
        """Say of all damage what it costs."""
        report = self._report
        serving = report.ways[0].name if report.opens else ""
        space = self._identity.space
        for bad in stored.manifest_damage:
            readable, failed = stored.manifest.is_readable, stored.manifest_failure is not None
            instead = "the other slot" if readable else "each snapshot's own index"
            self._add(bad, NOTHING, "" if failed else instead)
        for bad in stored.words_damage:
            self._add(bad, NOTHING, "the index made anew from the texts")
        for snapshot in stored.snapshots:
            lost = f"all that was recorded up to LSN {snapshot.name.lsn}"
            for bad in snapshot.damage:
                self._add(bad, lost, serving)
        for directory, damage in stored.segments.items():
            known = [each.segments.get(directory, 0) for each in stored.snapshots]
            lost = f"those of {max(known, default=0):,} bodies that cannot be read any more"
            for bad in damage:
                self._add(bad, lost, serving)
        self._judge_log(log, serving)
        if is_damaged(self._filesystem, self._log_directory, self._log_identity.as_bytes()):
            bad = BadFile(f"{self._log_directory}/{MARK_FILE}", 0, "it is not whole")
            self._add(bad, NOTHING, "what the log itself tells of what was durable")
        self._compare(f"{space}/{HOT}", f"{space}/{MANIFEST_FILE}")

    def _judge_log(self, log: LogReport, serving: str) -> None:
        last = max([log.durable_lsn, *(segment.last_lsn for segment in log.segments)])
        for each in log.damage:
            lost = f"all that was recorded from LSN {each.lsn_first} to {max(last, each.lsn_last)}"
            self._add(BadFile(each.path, each.offset, each.reason), lost, serving)

    def _compare(self, snapshots: str, manifest: str) -> None:
        """Note ways that fail although nothing is damaged, and ways that lead elsewhere."""
        ways = self._report.ways
        explained = bool(self._report.damage)
        serving = ways[0].name if self._report.opens else ""
        for way in ways:
            path = snapshots if way.snapshot_lsn else self._log_directory
            if way.error is not None and not explained:
                self._add(BadFile(path, 0, f"{way.name} leads nowhere: {way.error}"), "", serving)
            elif way.error is None and way.digest != ways[0].digest and self._report.opens:
                reason = f"{way.name} leads to another state than {ways[0].name}"
                self._add(BadFile(path, 0, reason), "what only one of them holds", "")
        if not ways and not explained:
            bad = BadFile(manifest, 0, "no snapshot is whole, and the log begins later")
            self._add(bad, "everything", "")

    def _add(self, bad: BadFile, lost: str, serving: str) -> None:
        """Note damage once; where the space opens, giving it up costs nothing."""
        lost = NOTHING if self._report.opens and serving else lost or NOTHING
        damage = Damage(*bad, lost, serving)
        if damage[:3] not in [each[:3] for each in self._report.damage]:
            self._report.damage.append(damage)


class _Bounded(Replayer):
    """Applies records up to an LSN, all of them when there is none."""

    def __init__(self, state: SpaceState, upto: Lsn | None) -> None:
        super().__init__(state)
        self._upto = upto

    def apply(self, records: Sequence[Record]) -> None:
        """Apply those that are wanted."""
        upto = self._upto
        super().apply([each for each in records if upto is None or each.lsn <= upto])
