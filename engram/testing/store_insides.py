"""What a proof sees of an open store, and the library does not show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.model.errors import InvariantViolated, check
from engram.model.limits import LIMIT_MAX

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.service.store import Engram
    from engram.storage.snapshot_loading import OpenSegment
    from engram.testing.store_ledger import Trace


def engine_of(store: Engram, space: str) -> SpaceEngine | None:
    """Return the engine of an open space that serves."""
    return store._core.registry.open_now(space)  # noqa: SLF001 - nobody else needs it


def serving(store: Engram, space: str) -> SpaceEngine:
    """Return the engine of a space that was listed as ready.

    Raises:
        DurabilityError: something in the background has met a fault since.
        InvariantViolated: it does not serve, and nothing says why.
    """
    engine = engine_of(store, space)
    if engine is None:
        idle = InvariantViolated(f"{space!r} is listed as ready and does not serve")
        raise store._core.registry.failure_of(space) or idle  # noqa: SLF001 - as above
    return engine


async def check_recalled(store: Engram, space: str, memory_id: str, trace: Trace) -> None:
    """Recall a memory by a word of its own, and record that it was listed."""
    found = await (await store.space(space)).recall(trace.content.split()[0], limit=LIMIT_MAX)
    recalled = {each.memory.id for each in found}
    check(memory_id in recalled, "a memory is not recalled by its own word")
    engine = engine_of(store, space)
    if engine is not None:
        await engine.unrecorded.record(engine.view)
        if engine.failure is not None:
            raise engine.failure


def segments_of(store: Engram, space: str) -> OpenSegment:
    """Return what opens the tier segments of a space."""
    return store._core.registry._segments.of(space)  # noqa: SLF001 - nobody else needs it


def facts_of(store: Engram, engine: SpaceEngine) -> dict[str, int]:
    """Return what housekeeping and checkpoints did for a space since it was opened."""
    tiers = store._core.registry.housekeeping.status_of(engine)  # noqa: SLF001 - as above
    checkpoints = engine.checkpoints
    return {
        "gathered": engine._gathering.joined_count,  # noqa: SLF001 - as above
        "moves": tiers.steps,
        "warm": tiers.warm,
        "cold": tiers.cold,
        "snapshots": int(checkpoints.status.at is not None),
        "trims": int(checkpoints.snapshots.trim_lsn > 0),
    }


def check_injected(reason: str) -> None:
    """Check that a failure is what the disk was told to do."""
    check("injected" in reason or "the power is off" in reason, f"not to be expected: {reason}")
