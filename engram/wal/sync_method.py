"""Which way of making a write durable is quicker on the disk at hand, by trying both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.wal.limits import BLOCK_BYTES, SYNC_TRIAL_NS_MAX, SYNC_TRIALS
from engram.wal.spares import fill_with_zeros

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.ports import Clock, Filesystem, Handle, SyncMethod

TRIAL_NAME = "sync.trial"

# A method must be this much quicker than a plain sync to be preferred: less is noise.
_GAIN_MIN_PERCENT = 5


def choose_sync_method(filesystem: Filesystem, directory: str, clock: Clock) -> SyncMethod:
    """Return the method with the lower median latency, "sync" unless another is clearly quicker.

    Writes a small file in `directory` and removes it; blocks for at most some 0.2 s.

    Raises:
        StorageFailed: the medium refused.
    """
    methods = filesystem.sync_methods
    if len(methods) == 1:
        return "sync"
    path = f"{directory}/{TRIAL_NAME}"
    if TRIAL_NAME in filesystem.list(directory):
        filesystem.remove(path)
    handle = filesystem.create_exclusive(path)
    try:
        durations = _tried(filesystem, handle, methods, clock)
    finally:
        handle.close()
        filesystem.remove(path)
    medians = {method: sorted(times)[len(times) // 2] for method, times in durations.items()}
    best = min(methods, key=lambda method: medians[method])
    limit = medians["sync"] * (100 - _GAIN_MIN_PERCENT) // 100
    return best if medians[best] < limit else "sync"


def _tried(
    filesystem: Filesystem, handle: Handle, methods: Sequence[SyncMethod], clock: Clock
) -> dict[SyncMethod, list[int]]:
    """Return the nanoseconds of each trial; the methods take turns, to share what else goes on."""
    fill_with_zeros(filesystem, handle, 0, BLOCK_BYTES * SYNC_TRIALS * len(methods))
    filesystem.sync(handle)
    block = b"\1" * BLOCK_BYTES
    durations: dict[SyncMethod, list[int]] = {method: [] for method in methods}
    began = clock.monotonic()
    offset = 0
    for _ in range(SYNC_TRIALS):
        for method in methods:
            started = clock.monotonic()
            filesystem.write_durably(handle, offset, [block], method)
            durations[method].append(clock.monotonic() - started)
            offset += BLOCK_BYTES
        if clock.monotonic() - began > SYNC_TRIAL_NS_MAX:
            break
    return durations
