"""The snapshots of one space: written without stopping it, kept two at a time, loaded again.

Rule 1: a snapshot counts once the manifest names it, and the manifest names it only when every
        byte of it is durable.
Rule 2: what the two newest snapshots, or a reader's pin, still name is never removed.
Rule 3: what nobody names is removed, after a checkpoint and at the next opening.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engram.model.errors import DurabilityError, FileCorrupted, StorageFailed, StoreTooNew
from engram.storage.ahead import when_asked
from engram.storage.left_segments import LeftSegments
from engram.storage.manifest import Manifest, SnapshotName
from engram.storage.parts import Part, write_index, write_part
from engram.storage.removal import KEPT_ASIDE, Removal
from engram.storage.retained import HOT, CheckpointFacts, FoundDamage, Pin, Retained
from engram.storage.side_index import (
    Make,
    SideBody,
    SideIndex,
    as_saved,
    begin_side,
    read_side,
    side_parts,
)
from engram.storage.snapshot_content import Capture, Mark, body_of, capture, planned
from engram.storage.snapshot_loading import Identity, Loaded, OpenSegment, load, read_body

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from engram.ports import Filesystem
    from engram.storage.ahead import Begin
    from engram.storage.snapshot_content import Planned

RETAINED_COUNT: Final = 2
TIERS: Final = ("warm", "cold")
_SNAPSHOT: Final = re.compile(r"(\d{20})-(\d{10})\.snapshot")
_SERIAL: Final = re.compile(r".*?(\d{10})(-\d{5})?\.(?:snapshot|part|words)(\.new)?")


def is_snapshot_name(name: str) -> bool:
    """Whether a file in `hot` is the index of a snapshot."""
    return _SNAPSHOT.fullmatch(name) is not None


def lsn_of_snapshot(name: str) -> int:
    """Return the LSN that the name of an index tells."""
    return int(name[:20])


class Snapshots:
    """The snapshots of a space. Blocking; one thread at a time."""

    def __init__(self, filesystem: Filesystem, identity: Identity) -> None:
        self.directory = f"{identity.space}/{HOT}"
        self.damaged: list[FoundDamage] = []
        self.damaged_words = ""
        self.retained: list[Retained] = []
        self.removal = Removal(filesystem)
        self._filesystem = filesystem
        self._identity = identity
        self._manifest = Manifest(filesystem, identity.space, identity.as_bytes())
        self._known: dict[str, tuple[tuple[Mark, ...], Part]] = {}
        self._pins: Counter[str] = Counter()
        self._pinned_lsns: list[int] = []
        self.left = LeftSegments()
        self._made_words: Callable[[], Any] | None = None
        self._serial = 0
        self._indexes: list[str] = []  # as `read` found them
        self._may_sweep = False

    @property
    def durable_lsn(self) -> int:
        """What the files that `read` found in `hot` and the manifest say was durable; else 0."""
        return max([self._manifest.body.durable_lsn, *map(lsn_of_snapshot, self._indexes)])

    @property
    def remembered(self) -> str:
        """What the log asked to be remembered."""
        return self._manifest.body.remembered

    @property
    def erased_lsn(self) -> int:
        """Of memories erased up to this LSN no byte is left in any file."""
        return self._manifest.body.erased_lsn

    @property
    def trim_lsn(self) -> int:
        """The LSN up to which no retained or pinned snapshot needs the log; 0 for none."""
        if len(self.retained) < RETAINED_COUNT:
            return 0
        return min([*self._pinned_lsns, *(each.name.lsn for each in self.retained)])

    def read(self) -> None:
        """Read the manifest and the names beside it.

        Raises:
            StoreTooNew: a later release wrote it.
            StorageFailed: the medium cannot be read.
        """
        self._manifest.read()
        names = self._names()
        serials = [int(match[1]) for match in map(_SERIAL.fullmatch, names) if match]
        self._serial = max(serials, default=0)
        self._indexes = sorted(filter(is_snapshot_name, names))

    def load(
        self, open_segment: OpenSegment, begin: Begin = when_asked, make: Make = as_saved
    ) -> Loaded | None:
        """Return the newest snapshot that is whole, None when the log alone has to serve.

        Its files are read by way of `begin`, and what `make` makes of the words saved with it.

        Those that are not, or cannot be read, are in `damaged`. Without a readable manifest every
        snapshot file is tried: each vouches for itself.

        Raises:
            StoreTooNew: a later release wrote one.
            StorageFailed: the directory cannot be read.
        """
        names = list(self._manifest.body.snapshots)
        # Where not all is as it was left, nothing is removed before the next checkpoint counts.
        self._may_sweep = self._manifest.is_readable or not self._indexes
        if not self._manifest.is_readable:
            names = [SnapshotName(int(file[:20]), file, b"") for file in self._indexes]
        found: Loaded | None = None
        for name in reversed(names):
            try:
                digest, identity = name.digest or None, self._identity
                body = read_body(self._filesystem, self.directory, name.file, digest, identity)
                words = self._words_of(name)
                if found is None:
                    if words is not None:
                        self._made_words = begin_side(
                            self._filesystem, self.directory, words, make, begin
                        )
                    found = load(self._filesystem, self.directory, body, open_segment, begin)
                    self._remember(found)
            except StoreTooNew:
                raise
            except DurabilityError as damage:
                self.damaged.append(FoundDamage(name.file, damage))
                self._may_sweep = False
                continue
            self.retained.insert(0, Retained(name, body, words))
        return found

    def load_words(self, lsn: int) -> Any:
        """Hand over what was made of the words saved with the snapshot at `lsn`; None without any.

        A damaged or unreadable one is left out: it is built anew; `damaged_words` says why.
        """
        # It holds all arrays that were read: who asked has them now, or nobody wants them.
        made, self._made_words = self._made_words, None
        newest = self.retained[-1] if self.retained else None
        if made is None or newest is None or newest.words is None or newest.words.lsn != lsn:
            return None
        try:
            return made()
        except (FileCorrupted, StorageFailed) as damage:
            self.damaged_words = str(damage)
            return None

    def remember_words(self, side: SideIndex) -> None:
        """Note that the loaded word index is what the parts on disk hold."""
        words = self.retained[-1].words if self.retained else None
        parts = {} if words is None else {part.key: part for part in words.parts}
        for each in side_parts(side):
            if each.marks and each.key in parts:
                self._known[each.key] = each.marks, parts[each.key]

    def load_one(self, retained: Retained, open_segment: OpenSegment) -> Loaded:
        """Return the state of one of `retained`, every byte verified.

        Raises:
            FileCorrupted: a part is missing or damaged.
            StorageFailed: the medium cannot be read.
        """
        return load(self._filesystem, self.directory, retained.body, open_segment)

    def checkpoint(
        self, captured: Capture, words: SideIndex | None = None
    ) -> Generator[int, None, CheckpointFacts]:
        """Write a snapshot step by step, giving the bytes of each step; it counts on return.

        `words` is the word index of the same space, to be saved beside it.

        Raises:
            StorageFailed: the medium refused. The snapshots before still count, and what was
                written is removed later.
        """
        self._serial += 1
        lsn, space = captured.frozen.view.lsn, self._identity
        known = dict(self._known)
        parts = yield from self._write(planned(captured), known, 0)
        side = [] if words is None else side_parts(words)
        side_written = yield from self._write(side, known, len(parts))
        self._filesystem.sync_directory(self.directory)
        name, words_body = SnapshotName(lsn, f"{lsn:020d}-{self._serial:010d}.snapshot", b""), None
        if words is not None:
            facts, count = dict(words.facts), len(words.groups)
            words_body = SideBody(*space, lsn, facts, count, tuple(side_written))
            file = f"{lsn:020d}-{self._serial:010d}.words"
            digest = write_index(self._filesystem, self.directory, file, words_body)
            name = msgspec.structs.replace(name, words_file=file, words_digest=digest)
        body = body_of(captured, *space, tuple(parts))
        digest = write_index(self._filesystem, self.directory, name.file, body)
        name = msgspec.structs.replace(name, digest=digest)
        retained = [*self.retained[1 - RETAINED_COUNT :], Retained(name, body, words_body)]
        self._manifest.flip(
            msgspec.structs.replace(
                self._manifest.body,
                snapshots=tuple(each.name for each in retained),
                durable_lsn=max(self._manifest.body.durable_lsn, body.lsn),
            )
        )
        for each in self.retained:
            self.left.add_unread(each.segments())
        self.retained, self._may_sweep = retained, True
        everything = [*parts, *side_written]
        self._known = {part.key: known[part.key] for part in everything}
        new = [part for part in everything if part.file.startswith(f"{self._serial:010d}-")]
        written = sum(part.bytes_count for part in new)
        total = sum(part.bytes_count for part in everything)
        return CheckpointFacts(lsn, written, total - written, len(new))

    def _write(
        self, plans: list[Planned], known: dict[str, tuple[tuple[Mark, ...], Part]], first: int
    ) -> Generator[int, None, list[Part]]:
        """Write the parts that changed; return all."""
        parts = []
        for number, plan in enumerate(plans, start=first):
            part = self._shared(plan)
            if part is None:
                file = f"{self._serial:010d}-{number:05d}.part"
                part = yield from write_part(
                    self._filesystem, self.directory, file, plan.key, plan.contents()
                )
                known[plan.key] = plan.marks, part
            parts.append(part)
        return parts

    def bytes_to_write(self, captured: Capture, words: SideIndex | None = None) -> int:
        """Return about how many bytes a checkpoint would write now."""
        plans = [*planned(captured), *([] if words is None else side_parts(words))]
        return sum(plan.bytes_count for plan in plans if self._shared(plan) is None)

    def remember(self, text: str) -> None:
        """Keep a short text for the log; StorageFailed when the medium refused."""
        body = self._manifest.body
        if text != body.remembered and (self._manifest.is_readable or not self.retained):
            self._manifest.flip(msgspec.structs.replace(body, remembered=text))

    def sweep_at_opening(self) -> None:
        """Remove what a crash left: files and tier segments that no retained snapshot names.

        Raises:
            StorageFailed: something could not be removed; the next opening tries again.
        """
        left = self._segments_but(set())
        if not self._may_sweep or not (left or self._unwanted()):
            return
        if self._manifest.is_readable:
            # The slot in force may be readable and on no medium: its sync may have failed. What the
            # other slot names is removed only when that is certain.
            self._manifest.flip(self._manifest.body)
        self._sweep_files()
        for directory in left:
            self.removal.remove_segment(f"{self._identity.space}/{directory}")

    def sweep(self) -> None:
        """Remove what only dropped snapshots named, and nothing that a pin or a reader holds.

        Raises:
            StorageFailed: something could not be removed; calling again goes on.
        """
        if not self._may_sweep:
            return
        self._sweep_files()
        kept = {directory for each in self.retained for directory in each.segments()}
        for directory in sorted(self.left.unread() - kept - set(self._pins)):
            self.removal.remove_segment(f"{self._identity.space}/{directory}")
            self.left.removed(directory)

    def sweep_segments(self, used: set[str]) -> None:
        """Remove every tier segment, finished or not, that is neither retained, pinned nor `used`.

        Only while none is being written; while erasing, what a repair moved aside goes as well.
        Raises as `sweep`.
        """
        for directory in self._segments_but(used | set(self._pins)):
            self.removal.remove_segment(f"{self._identity.space}/{directory}")
        if self.removal.shreds:
            self.removal.remove_kept_aside(self._identity.space)

    def note_erased(self, lsn: int) -> None:
        """Keep that of memories erased up to `lsn` no byte is left.

        Raises:
            StorageFailed: the medium refused; it is not known yet.
        """
        if lsn > self.erased_lsn:
            body = self._manifest.body
            self._manifest.flip(msgspec.structs.replace(body, erased_lsn=lsn))

    def pin(self) -> Pin:
        """Hold the newest snapshot and the log after it until `unpin`.

        Raises:
            StorageFailed: the medium cannot be read.
        """
        newest = self.retained[-1] if self.retained else None
        names = [] if newest is None else sorted(f"{HOT}/{file}" for file in newest.own_files())
        for directory in sorted(newest.segments()) if newest else ():
            names.append(directory)
            inside = self._filesystem.list(f"{self._identity.space}/{directory}")
            names += [f"{directory}/{name}" for name in inside]
        lsn = 0 if newest is None else newest.name.lsn
        segments = newest.segments() if newest else set()
        files = [(name, self._size(name)) for name in names if name not in segments]
        self._pins.update(names)
        self._pinned_lsns.append(lsn)
        return Pin(lsn, tuple(files), tuple(names))

    def unpin(self, pin: Pin) -> None:
        """Let go of what `pin` held; what nobody names goes with the next `sweep`."""
        self._pins -= Counter(pin.names)
        self._pinned_lsns.remove(pin.lsn)

    def _size(self, name: str) -> int:
        handle = self._filesystem.open(f"{self._identity.space}/{name}")
        try:
            return self._filesystem.size(handle)
        finally:
            handle.close()

    def _sweep_files(self) -> None:
        gone = self._unwanted()
        # Indexes first: what names a part is gone before the part is.
        for name in sorted(gone, key=lambda name: name.endswith(".part")):
            self.removal.remove(f"{self.directory}/{name}")
        if gone:
            self._filesystem.sync_directory(self.directory)

    def _unwanted(self) -> list[str]:
        wanted = {file for each in self.retained for file in each.files()}
        return [
            name
            for name in self._names()
            if name not in wanted
            and f"{HOT}/{name}" not in self._pins
            and not self._keeps_aside(name)
        ]

    def _segments_but(self, used: set[str]) -> list[str]:
        """Return the directories of tier segments that are neither retained nor `used`."""
        kept = used.union(*(each.segments() for each in self.retained))
        found = [
            f"{tier}/{name}"
            for tier in TIERS
            for name in self._filesystem.list(f"{self._identity.space}/{tier}")
        ]
        return [each for each in found if each not in kept and not self._keeps_aside(each)]

    def _keeps_aside(self, name: str) -> bool:
        """Whether a repair moved it out of the way, to stay: as long as nothing is erased."""
        return name.endswith(KEPT_ASIDE) and not self.removal.shreds

    def _shared(self, part: Planned) -> Part | None:
        marks, known = self._known.get(part.key, ((), None))
        return known if part.is_as(marks) else None

    def _remember(self, loaded: Loaded) -> None:
        """Note which pages of the loaded state the parts on disk hold."""
        parts = {part.key: part for part in loaded.body.parts}
        for each in planned(capture(loaded.state)):
            if each.marks and each.key in parts:
                self._known[each.key] = each.marks, parts[each.key]

    def _words_of(self, name: SnapshotName) -> SideBody | None:
        """Return the index of the words saved with a snapshot; what is not whole does not count."""
        if not name.words_file:
            return None
        file, digest = name.words_file, name.words_digest
        try:
            return read_side(self._filesystem, self.directory, file, digest, self._identity)
        except (FileCorrupted, StorageFailed, StoreTooNew) as damage:
            self.damaged_words = str(damage)
            return None

    def _names(self) -> list[str]:
        return self._filesystem.list(self.directory)
