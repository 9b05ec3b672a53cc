from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engram.testing.clock import FakeClock
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.limits import SYNC_TRIALS
from engram.wal.sync_method import choose_sync_method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.ports import Handle, ReadableBuffer, SyncMethod


class _TimedDisk(SimulatedFilesystem):
    """Disk whose methods take a given time each."""

    def __init__(self, clock: FakeClock, sync_ns: int, dsync_ns: int) -> None:
        super().__init__()
        self.sync_methods = ("sync", "dsync")
        self.tried = 0
        self._clock = clock
        self._duration_ns = {"sync": sync_ns, "dsync": dsync_ns}

    def write_durably(
        self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer], method: SyncMethod
    ) -> None:
        super().write_durably(handle, offset, buffers, method)
        self.tried += 1
        self._clock.advance(self._duration_ns[method])


def _chosen(sync_ns: int, dsync_ns: int) -> tuple[str, int]:
    clock = FakeClock()
    disk = _TimedDisk(clock, sync_ns, dsync_ns)
    disk.create_exclusive("w/x")
    chosen = choose_sync_method(disk, "w", clock)
    assert disk.list("w") == ["x"]
    return chosen, disk.tried


@pytest.mark.parametrize(
    ("sync_ns", "dsync_ns", "best"),
    [(100_000, 50_000, "dsync"), (100_000, 99_000, "sync"), (50_000, 100_000, "sync")],
)
def test_the_clearly_quicker_method_is_chosen(sync_ns: int, dsync_ns: int, best: str) -> None:
    assert _chosen(sync_ns, dsync_ns) == (best, 2 * SYNC_TRIALS)


def test_a_slow_disk_is_not_tried_for_long() -> None:
    chosen, tried = _chosen(150_000_000, 60_000_000)
    assert (chosen, tried) == ("dsync", 2)


def test_where_there_is_one_method_nothing_is_tried() -> None:
    disk = SimulatedFilesystem()
    assert choose_sync_method(disk, "w", FakeClock()) == "sync"
    assert disk.call_count == 0


def test_what_an_interrupted_trial_left_is_in_nobodys_way() -> None:
    clock = FakeClock()
    disk = _TimedDisk(clock, 9_000, 9_000)
    disk.create_exclusive("w/sync.trial")
    assert choose_sync_method(disk, "w", clock) == "sync"
    assert disk.list("w") == []
