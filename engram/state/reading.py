"""Turn rows of a view into the memories a caller meets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from engram.model.details import NO_DETAILS, Told, taken_apart
from engram.model.ids import format_id
from engram.model.memory import Memory, MemoryKind, to_datetime
from engram.model.particulars import FACT_KEY, LABEL_MASK
from engram.state.bodies import expect_text, read_text
from engram.state.columns import PAGE_MASK, PAGE_SHIFT, RowSet, few_from
from engram.state.current import neighbours
from engram.state.forgetting import strength_left
from engram.state.space import ALIVE, SUPPRESSED, View

_READ: Final = (
    "id_high", "id_low", "content_address", "content_bytes", "metadata_address", "metadata_bytes",
    "flags", "kind", "confidence", "occurred_at", "recorded_at", "ended_at", "source", "session",
    "seen_count", "stability_days", "difficulty", "priority", "tag_start", "tag_count",
)  # fmt: skip
# Reading a column at a time costs a call of numpy for each column and page.
_TOGETHER_PAGES_MAX: Final = 3
_NOTHING_TOLD: Final = Told(None, NO_DETAILS)


class _Labels(NamedTuple):
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    fact_key: str | None = None


class _State(NamedTuple):
    """What changes without a word of the caller's."""

    strength: float
    accesses: int
    last_access_at: int


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
    states = map(_State, strengths.tolist(), counts.tolist(), times.tolist())
    return [
        _memory(view, row, record, space, state)
        for row, record, state in zip(rows, _records(view, rows), states, strict=True)
    ]


def _expect_texts(view: View, rows: Sequence[int]) -> None:
    """Let the media find the texts side by side that are read one after the other."""
    for name in ("content", "metadata"):
        addresses = view.gather(f"{name}_address", np.array(rows)).tolist()
        lengths = view.gather(f"{name}_bytes", np.array(rows)).tolist()
        for address, bytes_count in zip(addresses, lengths, strict=True):
            expect_text(view.sealed, address, bytes_count)


def _records(view: View, rows: Sequence[int]) -> list[Sequence[Any]]:
    """Return the values of `_READ` of each row.

    The columns are far apart in RAM. Rows of few pages are read a column at a time, so that the
    processor waits for all of them at once; others one by one.
    """
    columns, places = view.columns, _places(rows)
    if len(places) > _TOGETHER_PAGES_MAX:
        return [
            [columns[name][row >> PAGE_SHIFT].item(row & PAGE_MASK) for name in _READ]
            for row in rows
        ]
    found: list[Sequence[Any]] = [()] * len(rows)
    for page, inside in places.items():
        at = np.array([rows[place] & PAGE_MASK for place in inside])
        values = zip(*[columns[name][page][at].tolist() for name in _READ], strict=True)
        for place, record in zip(inside, values, strict=True):
            found[place] = record
    return found


def _places(rows: Sequence[int]) -> dict[int, list[int]]:
    """Return by page where in `rows` those of it stand."""
    places: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row >> PAGE_SHIFT, []).append(place)
    return places


def _memory(view: View, row: int, record: Sequence[Any], space: str, state: _State) -> Memory:
    labels = view.labels.labels
    (
        id_high, id_low, address, content_bytes, metadata_address, metadata_bytes, flags, kind,
        confidence, occurred_at, recorded_at, ended_at, source, session, seen_count, stability_days,
        difficulty, priority, tag_start, tag_count,
    ) = record  # fmt: skip
    content = read_text(view.hot.contents, view.sealed, address, content_bytes)
    told = _NOTHING_TOLD
    if metadata_bytes:
        metadata = read_text(view.hot.metadata, view.sealed, metadata_address, metadata_bytes)
        told = taken_apart(metadata)
    named = _labels(labels, few_from(view.tags, tag_start, tag_count)) if tag_count else _NO_LABELS
    before, after = neighbours(view, row) if len(view.corrections) else (None, None)
    is_alive = flags & ALIVE
    return Memory(
        id=format_id(id_high, id_low),
        space=space,
        content=content.decode(),
        kind=_KIND_NAMES.get(kind, "unknown"),
        confidence=_shortest(confidence),
        occurred_at=to_datetime(occurred_at),
        recorded_at=to_datetime(recorded_at),
        tags=named.tags,
        source=labels[source] or None,
        session=labels[session] or None,
        metadata=told.metadata,
        seen_count=seen_count,
        stability_days=stability_days,
        difficulty=difficulty,
        retrievability=state.strength,
        ended_at=None if is_alive else to_datetime(ended_at),
        entities=named.entities,
        priority=priority,
        expires_at=to_datetime(ended_at) if is_alive and ended_at else None,
        episode=told.details.episode,
        confidence_reason=told.details.confidence_reason,
        fact_key=named.fact_key,
        fact_value=told.details.fact_value,
        access_count=state.accesses,
        last_access_at=to_datetime(state.last_access_at) if state.accesses else None,
        suppressed=bool(flags & SUPPRESSED),
        supersedes=before,
        superseded_by=after,
    )


def _labels(labels: list[str], numbers: list[int]) -> _Labels:
    """Return the tags, the entities and the fact's key that the numbers of a row say."""
    if max(numbers) <= LABEL_MASK:  # most often there are tags alone
        return _Labels(tuple([labels[number] for number in numbers]))
    sorted_out: tuple[list[str], list[str], list[str]] = ([], [], [])
    for number in numbers:
        sorted_out[number // FACT_KEY].append(labels[number & LABEL_MASK])
    tags, fact_keys, entities = sorted_out
    return _Labels(tuple(tags), tuple(entities), fact_keys[0] if fact_keys else None)


@lru_cache(4_096)
def _shortest(value: float) -> float:
    """Return the shortest decimal that is this float32, so that 0.9 comes back as 0.9."""
    return float(str(np.float32(value)))
