"""The metrics of a server in Prometheus' text format, and how long each operation took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from engram.kernels.arena import arena_stats
from engram.model.errors import BackendUnavailable
from engram.service.durations import DURATION, SPACES_LABELLED_MAX

MEDIA_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """What a metric is."""

    kind: str
    about: str


METRICS: Final[dict[str, Metric]] = {
    DURATION: Metric(
        "histogram", "How long operations took, refused ones included; space and verb."
    ),
    "engram_memories": Metric("gauge", "Memories that live; concepts are none."),
    "engram_concepts": Metric("gauge", "Concepts that consolidation formed."),
    "engram_tier_memories": Metric("gauge", "Bodies in RAM (hot), on disk (warm), packed (cold)."),
    "engram_storage_memory_bytes": Metric("gauge", "State and indexes of a space in RAM."),
    "engram_resident_bytes": Metric("gauge", "Bytes in RAM by what they are for."),
    "engram_memory_budget_bytes": Metric("gauge", "How many of them there may be."),
    "engram_space_phase": Metric("gauge", "1 for the phase a space is in."),
    "engram_space_pressure": Metric(
        "gauge", "The fullest of capacity, budget, queue and quotas, 0 to 1."
    ),
    "engram_wal_lag_ms": Metric("gauge", "How long the oldest write not durable yet has waited."),
    "engram_wal_bytes": Metric("gauge", "Bytes of the log's files."),
    "engram_wal_unsaved_bytes": Metric("gauge", "Of them, what no snapshot covers."),
    "engram_wal_syncs_total": Metric("counter", "Groups of writes that became durable."),
    "engram_wal_group_records": Metric(
        "summary", "Log records of each group of writes; those of one kind share one."
    ),
    "engram_linker_lag_seconds": Metric(
        "gauge", "How long ago the oldest memory that is not linked yet was recorded."
    ),
    "engram_events_dropped_total": Metric(
        "counter", "Changes that followers were too slow for; they were told where to go on."
    ),
    "engram_registry_lock_wait_seconds": Metric(
        "summary", "Waits for spaces that are opened, created, dropped or restored."
    ),
    "engram_linker_lag_memories": Metric("gauge", "Memories not linked yet to what is like them."),
    "engram_consolidation_rate": Metric("gauge", "Episodes replayed a second, of the last 60 s."),
    "engram_recovery_seconds": Metric("gauge", "How long opening the space took."),
    "engram_kernel_backend_info": Metric("gauge", "1, with the kernel backend in use."),
    "engram_arena_high_water_bytes": Metric("gauge", "The most scratch memory a call asked for."),
    "engram_arena_size_bytes": Metric("gauge", "Scratch memory that a thread's arena has."),
    "engram_arena_overflows_total": Metric("counter", "Pieces that did not fit their arena."),
    "engram_arena_resets_total": Metric("counter", "Calls that ended and left their arena empty."),
    "engram_rate_limited_total": Metric("counter", "Requests refused as one too many."),
    "engram_requests_under_way": Metric("gauge", "Requests that are being answered."),
    "engram_requests_abandoned_total": Metric(
        "counter", "Requests whose caller went before the answer; their work was stopped."
    ),
    "engram_streams": Metric("gauge", "Streams of events that are followed now, and WebSockets."),
    "engram_sockets": Metric("gauge", "WebSockets that are open."),
    "engram_streams_dropped_total": Metric(
        "counter", "Streams cut because their caller took nothing for 30 s, or not the last event."
    ),
    "engram_spaces_left_out": Metric("gauge", "Spaces beyond the first 1,000, not told of here."),
}
"""Every metric of a server, and what it says."""


def arena_metrics() -> dict[str, float]:
    """Return how the kernels' scratch memory stands; nothing without the Zig library."""
    try:
        stats = arena_stats()
    except BackendUnavailable:
        return {}
    return {
        "engram_arena_high_water_bytes": stats.high_water_bytes,
        "engram_arena_size_bytes": stats.size_bytes,
        "engram_arena_overflows_total": stats.overflows,
        "engram_arena_resets_total": stats.resets,
    }


def bounded(samples: Mapping[str, float]) -> dict[str, float]:
    """Return samples of the first spaces by id, and of how many there are none."""
    spaces = sorted({space for name in samples if (space := _space_of(name)) is not None})
    left_out = {*spaces[SPACES_LABELLED_MAX:]}
    kept = {name: value for name, value in samples.items() if _space_of(name) not in left_out}
    return kept | {"engram_spaces_left_out": len(left_out)}


def text_of(samples: Iterable[tuple[str, float]]) -> bytes:
    """Return samples in Prometheus' text format, those of one metric together."""
    by_name: dict[str, list[str]] = {}
    for sample, value in samples:
        name = _named(sample.partition("{")[0])
        by_name.setdefault(name, []).append(f"{sample} {value!r}")
    lines = []
    for name, found in by_name.items():
        metric = METRICS[name]
        lines += [f"# HELP {name} {metric.about}", f"# TYPE {name} {metric.kind}", *found]
    return "\n".join([*lines, ""]).encode()


def _named(name: str) -> str:
    """Return the metric that a sample belongs to: of some there are several."""
    if name in METRICS:
        return name
    return name.rpartition("_")[0]


def _space_of(sample: str) -> str | None:
    _, found, rest = sample.partition('memory_space="')
    return rest.partition('"')[0] if found else None
