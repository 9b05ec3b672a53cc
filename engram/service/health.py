"""How an open store stands: for people (`health`), and for what draws curves (`metrics`)."""

from __future__ import annotations

from engram.engine.space_engine import SpaceEngine
from engram.model.health import PHASES, Phase, SpaceHealth, StoreHealth
from engram.model.memory import to_datetime
from engram.service.core import Core
from engram.state.concepts import memories_count


async def store_health(core: Core) -> StoreHealth:
    """Return how the store and each of its spaces stand; see `Engram.health`."""
    names, housekeeping = await core.registry.names(), core.registry.housekeeping
    resident, budget = housekeeping.resident(), housekeeping.budget.total_bytes
    share = resident.total / budget
    return StoreHealth(resident, budget, tuple(_space_health(core, name, share) for name in names))


def _space_health(core: Core, space: str, resident_share: float) -> SpaceHealth:
    phase, registry = _phase(core, space), core.registry
    engine = registry.open_now(space)
    if engine is None:
        failure = registry.failure_of(space)
        return SpaceHealth(space, phase, None if failure is None else str(failure))
    view, queue = engine.view, engine.queue
    checkpoint = engine.checkpoints.status
    tiers = registry.housekeeping.status_of(engine)
    opening, quotas = registry.opening_of(space), registry.housekeeping.quotas_of(space)
    capacities = registry.housekeeping.capacities_of(space)
    return SpaceHealth(
        space=space,
        phase=phase,
        memories=memories_count(view),
        concepts=view.formed_count,
        pressure=_pressure(core, engine, resident_share),
        lsn=view.lsn,
        wal_lag_ms=_lag_ms(core, engine),
        queue_count=queue.commands_count,
        log_bytes=core.log_bytes_of(space),
        log_bytes_unsaved=checkpoint.log_bytes,
        checkpoint_lsn=checkpoint.lsn,
        checkpoint_at=None if checkpoint.at is None else to_datetime(checkpoint.at),
        recovery_ms=opening.duration_ms,
        hot=tiers.hot,
        warm=tiers.warm,
        cold=tiers.cold,
        resident_bytes=engine.resident_bytes,
        damage=(*opening.notes, *registry.scrubber.status_of(engine).damage),
        errors=tuple(each for each in (checkpoint.error, tiers.error) if each is not None),
        consolidation_rate=registry.consolidator_of(engine.space).rate,
        hot_utilization=_share(tiers.hot, capacities.hot),
        warm_utilization=_share(tiers.warm, capacities.warm),
        cold_utilization=_share(tiers.cold, capacities.cold),
        capacity=tiers.capacity,
        quota_memories=quotas.memories,
        quota_bytes=quotas.bytes,
        quota_writes_per_s=quotas.writes_per_s,
    )


def metrics(core: Core) -> dict[str, float]:
    """Return every measured number under its Prometheus name; see `Engram.metrics`."""
    registry = core.registry
    resident = registry.housekeeping.resident()
    found: dict[str, float] = {
        f'engram_resident_bytes{{part="{part}"}}': count
        for part, count in resident._asdict().items()
    }
    budget = registry.housekeeping.budget.total_bytes
    found["engram_memory_budget_bytes"] = budget
    found["engram_registry_lock_wait_seconds_sum"] = registry.locks.waited_ns / 1e9
    found["engram_registry_lock_wait_seconds_count"] = registry.locks.holds_count
    backend = f'backend="{core.kernels.name}",isa="{core.kernels.isa}"'
    found[f"engram_kernel_backend_info{{{backend}}}"] = 1
    for space in registry.known():
        label = f'memory_space="{space}"'
        now = _phase(core, space)
        for phase in PHASES:
            found[f'engram_space_phase{{{label},phase="{phase}"}}'] = float(phase == now)
        engine = registry.open_now(space)
        if engine is not None:
            found |= _space_metrics(core, engine, label, resident.total / budget)
    return found


def _space_metrics(
    core: Core, engine: SpaceEngine, label: str, resident_share: float
) -> dict[str, float]:
    view, registry = engine.view, core.registry
    tiers = registry.housekeeping.status_of(engine)
    opening, backlog = registry.opening_of(engine.space), registry.linker_of(engine.space).backlog
    found = {
        "engram_memories": memories_count(view),
        "engram_concepts": view.formed_count,
        "engram_storage_memory_bytes": engine.resident_bytes,
        "engram_space_pressure": _pressure(core, engine, resident_share),
        "engram_wal_lag_ms": _lag_ms(core, engine),
        "engram_wal_bytes": core.log_bytes_of(engine.space),
        "engram_wal_unsaved_bytes": engine.checkpoints.status.log_bytes,
        "engram_wal_syncs_total": engine.groups_committed,
        # Of these only what was committed since the space was opened; a record is an LSN.
        "engram_wal_group_records_sum": view.lsn - opening.snapshot_lsn - opening.entries,
        "engram_wal_group_records_count": engine.groups_committed,
        "engram_events_dropped_total": engine.feed.dropped_count,
        "engram_linker_lag_memories": backlog.memories,
        "engram_linker_lag_seconds": backlog.seconds,
        "engram_consolidation_rate": registry.consolidator_of(engine.space).rate,
        "engram_recovery_seconds": opening.duration_ms / 1_000,
    }
    named = {f"{name}{{{label}}}": value for name, value in found.items()}
    for tier in ("hot", "warm", "cold"):
        named[f'engram_tier_memories{{{label},tier="{tier}"}}'] = getattr(tiers, tier)
    return named


def _phase(core: Core, space: str) -> Phase:
    registry = core.registry
    if registry.open_now(space) is not None:
        return "ready"
    if space in registry.recovering:
        return "recovering"
    return "closed" if registry.failure_of(space) is None else "unavailable"


def _pressure(core: Core, engine: SpaceEngine, resident_share: float) -> float:
    """Return how full the fullest is of what the space may fill; at 1 writes are refused."""
    housekeeping = core.registry.housekeeping
    capacity, quotas = housekeeping.status_of(engine).capacity, housekeeping.quotas_of(engine.space)
    filled = max(
        _share(engine.view.count, capacity),
        _share(memories_count(engine.view), quotas.memories),
        _share(housekeeping.fullness[engine.space].bytes_held, quotas.bytes),
    )
    return max(filled, resident_share, engine.queue.fullness)


def _share(held: int, most: int) -> float:
    return held / most if most else 0.0


def _lag_ms(core: Core, engine: SpaceEngine) -> float:
    since = engine.queue.since
    return 0.0 if since is None else (core.clock.monotonic() - since) / 1_000_000
