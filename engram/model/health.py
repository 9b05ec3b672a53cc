"""How a store and its spaces stand, as told to operators."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from engram.model.memory import ResidentBytes

Phase: TypeAlias = Literal["ready", "recovering", "unavailable", "closed"]
"""`closed`: nobody has asked for the space yet; the first who does opens it."""

PHASES: tuple[Phase, ...] = ("ready", "recovering", "unavailable", "closed")


class SpaceHealth(msgspec.Struct, frozen=True):
    """How one memory space stands; of one that is not ready there is the phase and its reason."""

    space: str
    phase: Phase
    reason: str | None = None
    """Why it is unavailable."""
    memories: int = 0
    """Those that live; concepts are none."""
    concepts: int = 0
    """Those that consolidation formed of memories."""
    pressure: float = 0.0
    """The fullest of these: memories by capacity, resident bytes by budget, queue by its limits,
    memories and bytes by their quotas."""
    lsn: int = 0
    """The last LSN that is durable and seen by readers."""
    wal_lag_ms: float = 0.0
    """How long the oldest write that is not durable yet has waited; 0 when all are."""
    queue_count: int = 0
    """Writes that wait for the one that is on its way to the disk."""
    log_bytes: int = 0
    """Bytes of the log's files."""
    log_bytes_unsaved: int = 0
    """Bytes of records behind the newest snapshot, which an opening applies again."""
    checkpoint_lsn: int = 0
    """What the newest snapshot covers; 0 when there is none."""
    checkpoint_at: datetime | None = None
    """When this process wrote it; None when it did not."""
    recovery_ms: float = 0.0
    hot: int = 0
    warm: int = 0
    cold: int = 0
    resident_bytes: int = 0
    damage: tuple[str, ...] = ()
    """What was found damaged at opening or since; the space serves from something else."""
    errors: tuple[str, ...] = ()
    """Why the last checkpoint, or the last move between tiers, failed; both are tried again."""
    consolidation_rate: float = 0.0
    """Episodes replayed a second over the last 60 s."""
    hot_utilization: float = 0.0
    """Its memories by its capacity; so for each tier."""
    warm_utilization: float = 0.0
    cold_utilization: float = 0.0
    capacity: int = 0
    """Memories the space has room for, forgotten ones that are kept included."""
    quota_memories: int = 0
    """How many memories may live in it; 0: no bound but the capacity."""
    quota_bytes: int = 0
    """What their texts, metadata and vectors may come to; 0: no bound."""
    quota_writes_per_s: int = 0
    """How many may be stored a second; 0: no bound."""


class StoreHealth(msgspec.Struct, frozen=True):
    """How a store stands: bytes in RAM by what they are for, how many may be, and its spaces."""

    resident_bytes: ResidentBytes
    memory_budget: int
    spaces: tuple[SpaceHealth, ...]
