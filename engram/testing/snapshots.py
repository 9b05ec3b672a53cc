"""A space without its engine: commands are decided, recorded in a list and applied.

What a proof of snapshots needs: the state, all records that led to it, and its files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engram.engine.opener import open_no_segment
from engram.engine.replay import Replayer
from engram.model.commands import Command
from engram.model.events import encode
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.space import SpaceState
from engram.storage.retained import CheckpointFacts
from engram.storage.snapshot_content import capture
from engram.storage.snapshot_loading import Identity, Loaded
from engram.storage.snapshots import Snapshots
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.protocol import Record

SPACE: Final = "space"
IDENTITY: Final = Identity(b"simulated store!", SPACE)


class RecordedSpace:
    """A state with its records and its snapshots on a simulated disk."""

    def __init__(self, filesystem: SimulatedFilesystem | None = None) -> None:
        self.filesystem = filesystem or SimulatedFilesystem()
        self.state = SpaceState()
        self.records: list[Record] = []
        self.snapshots = Snapshots(self.filesystem, IDENTITY)
        self.snapshots.read()

    def commit(self, commands: Sequence[Command], now: int) -> None:
        """Carry out commands; those that are refused change nothing."""
        left = list(commands)
        while left:
            decision = decide(self.state, SPACE, left, now)
            for event, vectors in decision.events:
                kind, buffers = encode(event, vectors)
                lsn = self.state.lsn + 1
                self.records.append(Record(lsn, kind, 0, b"".join(buffers)))
                apply(self.state, event, vectors, lsn)
            left = left[decision.taken :]

    def checkpoint(self) -> CheckpointFacts:
        """Take a snapshot of the state as it is, and remove what nobody names any more."""
        steps = self.snapshots.checkpoint(capture(self.state))
        while True:
            try:
                next(steps)
            except StopIteration as end:
                self.snapshots.sweep()
                facts: CheckpointFacts = end.value
                return facts

    def reopened(self) -> tuple[Snapshots, Loaded | None]:
        """Return what another process would find on the disk."""
        found = Snapshots(self.filesystem, IDENTITY)
        found.read()
        return found, found.load(open_no_segment(SPACE))

    def replayed(self, state: SpaceState) -> SpaceState:
        """Return a state after all records that follow its LSN."""
        Replayer(state).apply(self.records[state.lsn :])
        return state

    def hot_files(self) -> dict[str, bytes]:
        """Return the snapshot's files with what they hold."""
        names = self.filesystem.list(f"{SPACE}/hot")
        return {name: self.filesystem.content(f"{SPACE}/hot/{name}") for name in names}
