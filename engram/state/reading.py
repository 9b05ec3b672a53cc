"""Turn rows of a view into the memories a caller meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from engram.model.details import NO_DETAILS, Told, taken_apart
from engram.model.ids import format_id
from engram.model.memory import Memory, MemoryKind, to_datetime
from engram.model.particulars import FACT_KEY, LABEL_MASK
from engram.state.bodies import expect_text, read_text
from engram.state.columns import PAGE_MASK, PAGE_SHIFT, RowSet
from engram.state.current import neighbours
from engram.state.forgetting import strength_left
from engram.state.space import ALIVE, SUPPRESSED, View

_NOTHING_TOLD: Final = Told(None, NO_DETAILS)


class _Labels(NamedTuple):
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    fact_key: str | None = None


_NO_LABELS: Final = _Labels()
_KIND_NAMES = {int(kind): kind.name.lower() for kind in MemoryKind}


def memory_at(view: View, row: int, space: str, now: int) -> Memory:
    """Return the memory in `row` with its retrievability at wall time `now` (nanoseconds)."""
    return memories_at(view, [row], space, now)[0]


def memories_at(view: View, rows: Sequence[int], space: str, now: int) -> list[Memory]:
    """Return the memories in `rows`, each with its retrievability at wall time `now`.

    May read sealed segments, and then it blocks (`View.all_hot` tells).
    """
    if not rows:
        return []
    chosen, columns = RowSet(np.array(rows)), view.columns
    counts = view.accesses.counts_of(chosen)
    strengths = strength_left(
        view.settings,
        now,
        chosen.take(columns["reviewed_at"]),
        chosen.take(columns["stability_days"]),
        counts,
    )
    if view.sealed and len(rows) > 1:
        _expect_texts(view, rows)
    times = view.accesses.times_of(chosen)
    found = zip(rows, strengths.tolist(), counts.tolist(), times.tolist(), strict=True)
    return [_memory(view, row, space, strength, (n, at)) for row, strength, n, at in found]


def _expect_texts(view: View, rows: Sequence[int]) -> None:
    """Let the media find the texts side by side that are read one after the other."""
    for name in ("content", "metadata"):
        addresses = view.gather(f"{name}_address", np.array(rows)).tolist()
        lengths = view.gather(f"{name}_bytes", np.array(rows)).tolist()
        for address, bytes_count in zip(addresses, lengths, strict=True):
            expect_text(view.sealed, address, bytes_count)


def _memory(view: View, row: int, space: str, strength: float, accesses: tuple[int, int]) -> Memory:
    """Return one memory; `item` reads a value in half the time of indexing and converting it."""
    columns, labels = view.columns, view.labels.labels
    page, at = row >> PAGE_SHIFT, row & PAGE_MASK
    content_bytes = columns["content_bytes"][page].item(at)
    metadata_bytes = columns["metadata_bytes"][page].item(at)
    address = columns["content_address"][page].item(at)
    content = read_text(view.hot.contents, view.sealed, address, content_bytes)
    told = _NOTHING_TOLD
    if metadata_bytes:
        address = columns["metadata_address"][page].item(at)
        told = taken_apart(read_text(view.hot.metadata, view.sealed, address, metadata_bytes))
    has_labels = columns["tag_count"][page].item(at)
    tags, entities, fact_key = _labels(view, row) if has_labels else _NO_LABELS
    before, after = neighbours(view, row) if len(view.corrections) else (None, None)
    flags = columns["flags"][page].item(at)
    is_alive = flags & ALIVE
    ended_at = columns["ended_at"][page].item(at)
    return Memory(
        id=format_id(columns["id_high"][page].item(at), columns["id_low"][page].item(at)),
        space=space,
        content=content.decode(),
        kind=_KIND_NAMES.get(columns["kind"][page].item(at), "unknown"),
        confidence=_shortest(columns["confidence"][page][at]),
        occurred_at=to_datetime(columns["occurred_at"][page].item(at)),
        recorded_at=to_datetime(columns["recorded_at"][page].item(at)),
        tags=tags,
        source=labels[columns["source"][page].item(at)] or None,
        session=labels[columns["session"][page].item(at)] or None,
        metadata=told.metadata,
        seen_count=columns["seen_count"][page].item(at),
        stability_days=columns["stability_days"][page].item(at),
        difficulty=columns["difficulty"][page].item(at),
        retrievability=strength,
        ended_at=None if is_alive else to_datetime(ended_at),
        entities=entities,
        priority=columns["priority"][page].item(at),
        expires_at=to_datetime(ended_at) if is_alive and ended_at else None,
        episode=told.details.episode,
        confidence_reason=told.details.confidence_reason,
        fact_key=fact_key,
        fact_value=told.details.fact_value,
        access_count=accesses[0],
        last_access_at=to_datetime(accesses[1]) if accesses[0] else None,
        suppressed=bool(flags & SUPPRESSED),
        supersedes=before,
        superseded_by=after,
    )


def _labels(view: View, row: int) -> _Labels:
    """Return the tags, the entities and the fact's key of a row."""
    labels = view.labels.labels
    sorted_out: tuple[list[str], list[str], list[str]] = ([], [], [])
    for number in view.labels_of(row):
        sorted_out[number // FACT_KEY].append(labels[number & LABEL_MASK])
    tags, fact_keys, entities = sorted_out
    return _Labels(tuple(tags), tuple(entities), fact_keys[0] if fact_keys else None)


def _shortest(value: np.float32) -> float:
    """Return the shortest decimal that is this float32, so that 0.9 comes back as 0.9."""
    return float(str(value))
