"""Turn rows of a view into the memories a caller meets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engram.model.details import NO_DETAILS, Told, taken_apart
from engram.model.ids import format_id
from engram.model.memory import Memory, MemoryKind, to_datetime
from engram.model.particulars import FACT_KEY, LABEL_MASK
from engram.state.bodies import expect_text, read_text
from engram.state.columns import RowSet, few_from
from engram.state.current import neighbours
from engram.state.forgetting import strength_left
from engram.state.space import ALIVE, SUPPRESSED, View

COLUMNS_READ: Final = (
    "id_high", "id_low", "content_address", "content_bytes", "metadata_address", "metadata_bytes",
    "flags", "kind", "confidence", "occurred_at", "recorded_at", "ended_at", "source", "session",
    "seen_count", "stability_days", "difficulty", "priority", "tag_start", "tag_count",
    "reviewed_at",
)  # fmt: skip
"""The columns that a memory is made of."""
ACCESSES: Final = "accesses"
ACCESSED_AT: Final = "accessed_at"
"""Behind them in a record: how often it was listed in an answer, and when last."""
_NOTHING_TOLD: Final = Told(None, NO_DETAILS)


_Labels: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], str | None]
_NO_LABELS: Final[_Labels] = ((), (), None)
_KIND_NAMES = {int(kind): kind.name.lower() for kind in MemoryKind}


def memory_at(view: View, row: int, space: str, now: int) -> Memory:
    """Return the memory in `row` with its retrievability at wall time `now` (nanoseconds)."""
    return memories_at(view, [row], space, now)[0]


def memories_at(
    view: View, rows: Sequence[int], space: str, now: int, records: NDArray[Any] | None = None
) -> list[Memory]:
    """Return the memories in `rows`, each with its retrievability at wall time `now`.

    `records` [n] hold the values of `COLUMNS_READ`, `ACCESSES` and `ACCESSED_AT` of each row, where
    the caller has read them. May read sealed segments, and then it blocks (`View.all_hot` tells).
    """
    if not rows:
        return []
    if records is None:
        records = _records(view, rows)
    strengths = strength_left(
        view.settings,
        now,
        records["reviewed_at"],
        records["stability_days"],
        records[ACCESSES],
    ).tolist()
    if view.sealed and len(rows) > 1:
        _expect_texts(view, rows)
    return list(map(partial(_memory, view, space), rows, records.tolist(), strengths))


def _expect_texts(view: View, rows: Sequence[int]) -> None:
    """Let the media find the texts side by side that are read one after the other."""
    for name in ("content", "metadata"):
        addresses = view.gather(f"{name}_address", np.array(rows)).tolist()
        lengths = view.gather(f"{name}_bytes", np.array(rows)).tolist()
        for address, bytes_count in zip(addresses, lengths, strict=True):
            expect_text(view.sealed, address, bytes_count)


def _records(view: View, rows: Sequence[int]) -> NDArray[Any]:
    """Return the record of each row, read a column at a time."""
    chosen, columns = RowSet(np.array(rows)), view.columns
    values = {name: chosen.take(columns[name]) for name in COLUMNS_READ}
    values[ACCESSES] = view.accesses.counts_of(chosen)
    values[ACCESSED_AT] = view.accesses.times_of(chosen)
    records = np.empty(len(rows), [(name, array.dtype) for name, array in values.items()])
    for name, array in values.items():
        records[name] = array
    return records


def _memory(view: View, space: str, row: int, record: Sequence[Any], strength: float) -> Memory:
    labels = view.labels.labels
    (
        id_high, id_low, address, content_bytes, metadata_address, metadata_bytes, flags, kind,
        confidence, occurred_at, recorded_at, ended_at, source, session, seen_count, stability_days,
        difficulty, priority, tag_start, tag_count, _, accesses, last_access_at,
    ) = record  # fmt: skip
    content = read_text(view.hot.contents, view.sealed, address, content_bytes)
    metadata, details = _NOTHING_TOLD
    if metadata_bytes:
        kept = read_text(view.hot.metadata, view.sealed, metadata_address, metadata_bytes)
        metadata, details = taken_apart(kept)
    tags, entities, fact_key = _NO_LABELS
    if tag_count:
        # One by one: those of ten memories taken together from several pages took twice as long.
        tags, entities, fact_key = _labels(labels, few_from(view.tags, tag_start, tag_count))
    before, after = neighbours(view, row) if len(view.corrections) else (None, None)
    is_alive = flags & ALIVE
    recorded = to_datetime(recorded_at)
    # In the order of the fields: names would take five times as long.
    return Memory(
        format_id(id_high, id_low),
        space,
        content.decode(),
        _KIND_NAMES.get(kind, "unknown"),
        _shortest(confidence),
        recorded if occurred_at == recorded_at else to_datetime(occurred_at),
        recorded,
        tags,
        labels[source] or None,
        labels[session] or None,
        metadata,
        seen_count,
        stability_days,
        difficulty,
        strength,
        None if is_alive else to_datetime(ended_at),
        entities,
        priority,
        to_datetime(ended_at) if is_alive and ended_at else None,
        details.episode,
        details.confidence_reason,
        fact_key,
        details.fact_value,
        before,
        after,
        accesses,
        to_datetime(last_access_at) if accesses else None,
        bool(flags & SUPPRESSED),
    )


def _labels(labels: list[str], numbers: list[int]) -> _Labels:
    """Return the tags, the entities and the fact's key that the numbers of a row say."""
    if max(numbers) <= LABEL_MASK:  # most often there are tags alone
        return tuple([labels[number] for number in numbers]), (), None
    sorted_out: tuple[list[str], list[str], list[str]] = ([], [], [])
    for number in numbers:
        sorted_out[number // FACT_KEY].append(labels[number & LABEL_MASK])
    tags, fact_keys, entities = sorted_out
    return tuple(tags), tuple(entities), fact_keys[0] if fact_keys else None


@lru_cache(4_096)
def _shortest(value: float) -> float:
    """Return the shortest decimal that is this float32, so that 0.9 comes back as 0.9."""
    return float(str(np.float32(value)))
