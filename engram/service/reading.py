"""The verbs that only read: recall, listing, statistics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, TypedDict, TypeVar

import anyio.to_thread
import numpy as np
from numpy.typing import ArrayLike

from engram.engine.space_engine import SpaceEngine
from engram.engine.words import Words
from engram.kernels.cancel import CancelFlag
from engram.model.cue import NO_FILTERS, Filters, make_filters
from engram.model.errors import DimensionMismatch, DurabilityError, InvalidRequest, MemoryNotFound
from engram.model.ids import MemoryId
from engram.model.limits import CUE_CHARACTERS_MAX, LIMIT_MAX
from engram.model.memory import Memory, Page, RecallResult, Recollection, SpaceStats, to_datetime
from engram.retrieval import pipeline
from engram.retrieval.filters import living_count, rows_known, rows_passing
from engram.retrieval.sketch_index import CATCH_UP_ROWS, ROWS_MIN
from engram.service.core import Core
from engram.service.history import check_as_of
from engram.service.preparing import check_vector
from engram.service.vectors import embed, embedder_for
from engram.state.current import not_found
from engram.state.reading import memories_at
from engram.state.space import SUPPRESSED, View

T = TypeVar("T")

# What takes less is carried out on the event loop: a hop to a worker thread and back takes 50 to
# 120 us, and rather more where the caches are full of something else.
INLINE_US: Final = 200.0
# Microseconds a row: to scan 384 dimensions of float32, to bound it by its sketch, to score it
# again, to look it up in postings of 40 words, to index it first, and to
# judge it by a filter.
_SCAN_US, _BOUND_US, _SCORE_US = 0.04, 0.0012, 0.065
_WORDS_US, _INDEX_US, _FILTER_US = 0.006, 10.0, 0.02
_DIMENSIONS: Final = 384


class FilterArguments(TypedDict, total=False):
    """The filters of recall and list; `as_of` is the time to ask about."""

    tags_all: Sequence[str]
    tags_any: Sequence[str]
    tags_none: Sequence[str]
    kinds: Sequence[str]
    sources: Sequence[str]
    sessions: Sequence[str]
    occurred_after: datetime | None
    occurred_before: datetime | None
    recorded_after: datetime | None
    recorded_before: datetime | None
    confidence_min: float | None
    as_of: datetime | None
    entities_all: Sequence[str]
    entities_any: Sequence[str]
    entities_none: Sequence[str]
    priority_min: int | None
    priority_max: int | None
    include_expired: bool
    include_suppressed: bool


class Question(NamedTuple):
    """What a caller asked a recall for, as it came."""

    text: str | None
    embedding: ArrayLike | None
    limit: int
    explain: bool


async def on_bodies(engine: SpaceEngine, read: Callable[[], Awaitable[T]]) -> T:
    """Return what `read` returns; it reads anew when segments it was reading are gone meanwhile.

    Bodies move while readers read: what a view names may be removed once a newer view does not.
    """
    while True:
        sealed = engine.view.sealed
        try:
            return await read()
        except DurabilityError:
            if engine.view.sealed is sealed:
                raise


async def recall(
    core: Core, engine: SpaceEngine, question: Question, arguments: FilterArguments
) -> RecallResult:
    """Carry out a recall over the newest durable view."""
    return await on_bodies(engine, lambda: _recall(core, engine, question, arguments))


async def _recall(
    core: Core, engine: SpaceEngine, question: Question, arguments: FilterArguments
) -> RecallResult:
    started = core.clock.monotonic()
    engine.activity.begin()
    view, words = engine.view, engine.words  # together: both go by the same row numbers
    filters = _filters(core, engine, view, arguments)
    cue, embedded_us = await _cue(core, engine, view, question, filters)
    now = core.clock.now()
    if _is_quick(engine, view, cue):
        found = _search(core, engine, view, words, cue, now)
    else:
        found = await engine.readers.run(partial(_search, core, engine, view, words, cue, now))
    rows = [hit.row for hit in found.hits]
    memories = await memories_of(engine, view, rows, now)
    engine.recalled(view, rows)
    recollections = tuple(map(partial(_recollection, question), found.hits, memories))
    timings = {"embed": embedded_us, **found.timings_us}
    searched = await _searched(view, filters, now)
    timings["total"] = (core.clock.monotonic() - started) / 1_000
    return RecallResult(
        recollections=recollections,
        timings_us=timings,
        candidates=found.candidates,
        searched=searched,
        lsn=view.lsn,
        note=None if recollections else _why_nothing(searched, found, cue),
    )


def _is_quick(engine: SpaceEngine, view: View, cue: pipeline.Cue) -> bool:
    """Whether a search is expected to take less than a hop to a worker thread costs."""
    if view.sealed or cue.filters.as_of is not None:
        return False
    expected = 0.0 if cue.filters.empty else view.count * _FILTER_US
    if cue.vector is not None:
        behind = engine.sketches.behind(view.hot)
        is_sketched = view.hot.count >= ROWS_MIN
        scanned = behind if is_sketched else view.hot.count
        expected += scanned * _SCAN_US + (view.hot.count - scanned) * _BOUND_US
        expected += engine.sketches.scored_expected * _SCORE_US * is_sketched
        expected *= max(view.dimensions, 64) / _DIMENSIONS
    if cue.text:
        behind = view.count - engine.words.rows_indexed
        expected += view.count * _WORDS_US + max(0, behind) * _INDEX_US
    return expected <= INLINE_US


def _filters(core: Core, engine: SpaceEngine, view: View, arguments: FilterArguments) -> Filters:
    filters = make_filters(**arguments) if arguments else NO_FILTERS
    if filters.as_of is not None:
        check_as_of(engine, view, filters.as_of, core.clock.now())
    return filters


async def _searched(view: View, filters: Filters, now: int) -> int:
    """Return how many memories the space holds, or held at the time asked about."""
    hidden_count = 0 if filters.include_suppressed else view.suppressed_count
    if filters.as_of is None and not view.expiring_count:
        return view.count - view.forgotten_count - hidden_count
    if filters.as_of is None:
        return await anyio.to_thread.run_sync(living_count, view, now) - hidden_count
    known = await anyio.to_thread.run_sync(rows_known, view, filters.as_of)
    return int(np.count_nonzero(known))


async def memories_of(
    engine: SpaceEngine, view: View, rows: Sequence[int], now: int
) -> list[Memory]:
    """Return the memories in `rows` of `view`; a worker thread reads those that are on disk."""
    if view.all_hot(np.asarray(rows, np.int64)):
        return memories_at(view, rows, engine.space, now)
    return await engine.readers.run(lambda _: memories_at(view, rows, engine.space, now))


async def _cue(
    core: Core, engine: SpaceEngine, view: View, question: Question, filters: Filters
) -> tuple[pipeline.Cue, float]:
    text, limit = question.text, _limit(question.limit)
    if not (text is None or isinstance(text, str)):
        raise InvalidRequest(f"the cue is {type(text).__name__}, not text")
    if not (text and text.strip()) and question.embedding is None:
        raise InvalidRequest("recall needs a cue: a text, an embedding, or both")
    if text and len(text) > CUE_CHARACTERS_MAX:
        raise InvalidRequest(
            f"the cue has {len(text):,} characters, over cue_characters_max of "
            f"{CUE_CHARACTERS_MAX:,}; shorten it"
        )
    if text:
        text = text.encode(errors="replace").decode()
    started = core.clock.monotonic()
    row, inverse_norm = None, 0.0
    if question.embedding is not None:
        row, inverse_norm = check_vector(core.kernels, question.embedding)
        if view.dimensions and len(row) != view.dimensions:
            raise DimensionMismatch(len(row), view.dimensions, engine.space)
    elif text and view.dimensions:
        embedder = embedder_for(engine.space, view, core.embedder)
        if embedder is not None:
            asked = await _without_speakers(engine, view, text)
            row, inverse_norm = check_vector(core.kernels, (await embed(embedder, [asked]))[0])
    embedded_us = (core.clock.monotonic() - started) / 1_000
    vector = None if row is None else np.ascontiguousarray(row * np.float32(inverse_norm))
    return pipeline.Cue(text, vector, filters, limit, question.explain), embedded_us


async def _without_speakers(engine: SpaceEngine, view: View, text: str) -> str:
    """Return a cue as it is embedded; catches the word index up in a worker thread if need be."""
    words = engine.words.ready(view)
    if words is None:
        at = engine.words.at
        words = await engine.readers.run(lambda _: at(view))
    return words.without_speakers(text)


def _search(
    core: Core,
    engine: SpaceEngine,
    view: View,
    words: Words,
    cue: pipeline.Cue,
    now: int,
    cancel: CancelFlag | None = None,
) -> pipeline.Found:
    sketches = None
    if cue.vector is not None:
        # On the event loop nothing is caught up with.
        rows_max = CATCH_UP_ROWS if cancel is not None else 0
        sketches = engine.sketches.at(view.hot, core.kernels, rows_max)
    return pipeline.search(
        view,
        cue,
        core.kernels,
        words.at,
        now=now,
        monotonic=core.clock.monotonic,
        cancel=cancel,
        share=engine.readers.share,
        sketches=sketches,
        masks_of=engine.row_masks,
        unrelated=engine.unrelated_cosine,
        weights=core.weights,
    )


def _recollection(question: Question, hit: pipeline.Hit, memory: Memory) -> Recollection:
    return Recollection(
        memory=memory,
        score=hit.score,
        parts=hit.parts,
        matched_terms=hit.matched_terms,
        explanation=_explanation(hit) if question.explain else None,
    )


def _explanation(hit: pipeline.Hit) -> str:
    parts = hit.parts
    words = f"shares the words {', '.join(hit.matched_terms)}" if hit.matched_terms else ""
    meaning = f"cosine {parts['similarity']:.2f}" if parts["similarity"] else ""
    found = "; ".join(part for part in (meaning, words) if part) or "nothing in common"
    return (
        f"{found}; {parts['retrievability']:.0%} of its strength is left; "
        f"confidence {parts['confidence']:.2f}"
    )


def _why_nothing(living: int, found: pipeline.Found, cue: pipeline.Cue) -> str:
    if not living:
        at_that_time = "" if cue.filters.as_of is None else " at that time"
        return f"the memory space is empty{at_that_time}"
    if not found.candidates:
        return f"the filters removed all {living} memories"
    looked = f"{found.candidates} of {living} memories passed the filters"
    if cue.vector is None:
        return f"{looked}, none shares a word with the cue, and there was no vector to compare"
    return f"{looked}, none resembles the cue or shares a word with it"


def _limit(limit: object) -> int:
    if not isinstance(limit, int) or not 1 <= limit <= LIMIT_MAX:
        raise InvalidRequest(f"limit {limit!r} is not a whole number from 1 to {LIMIT_MAX}")
    return limit


async def one(core: Core, engine: SpaceEngine, identity: MemoryId, filters: Filters) -> Memory:
    """Return one memory as it is, or was at `filters.as_of`; MemoryNotFound when there is none."""
    view, now = engine.view, core.clock.now()
    check_as_of(engine, view, filters.as_of, now)
    row = view.row_of(*identity, filters.as_of, now=now)
    if row is None:
        raise not_found(view, engine.space, identity, now)
    if int(view.value("flags", row)) & SUPPRESSED and not filters.include_suppressed:
        raise MemoryNotFound(str(identity), engine.space)
    return (await memories_of(engine, view, [row], now))[0]


async def listing(
    core: Core,
    engine: SpaceEngine,
    limit: int,
    cursor: str | None,
    arguments: FilterArguments,
) -> Page:
    """Return one page of the newest durable view; a cursor is the time of its last row."""
    return await on_bodies(engine, lambda: _listing(core, engine, limit, cursor, arguments))


async def _listing(
    core: Core,
    engine: SpaceEngine,
    limit: int,
    cursor: str | None,
    arguments: FilterArguments,
) -> Page:
    view, limit = engine.view, _limit(limit)
    filters = _filters(core, engine, view, arguments)
    after = _after(cursor)
    now = core.clock.now()
    rows = np.flatnonzero(await anyio.to_thread.run_sync(rows_passing, view, filters, now))
    recorded = view.gather("recorded_at", rows) if len(rows) else np.zeros(0, np.int64)
    first = int(np.searchsorted(recorded, after, side="right"))
    shown = rows[first : first + limit].tolist()
    more = first + limit < len(rows)
    return Page(
        memories=tuple(await memories_of(engine, view, shown, now)),
        total=len(rows),
        cursor=f"{recorded[first + limit - 1]:x}" if more else None,
    )


def _after(cursor: str | None) -> int:
    if cursor is None:
        return -(1 << 63)
    try:
        return max(-(1 << 63), min(int(cursor, 16), (1 << 63) - 1))
    except (TypeError, ValueError):
        raise InvalidRequest(f"cursor {cursor!r} is not one that list returned") from None


def statistics(engine: SpaceEngine, core: Core) -> SpaceStats:
    """Return what a space holds and where its log stands."""
    view = engine.view
    opening = core.registry.opening_of(engine.space)
    checkpoint = engine.checkpoints.status
    tiers = core.registry.housekeeping.status_of(engine)
    scrub = core.registry.scrubber.status_of(engine)
    return SpaceStats(
        id=engine.space,
        memories=living_count(view, core.clock.now()),
        forgotten=view.forgotten_count,
        with_vectors=view.vector_count,
        embedder=view.embedder or None,
        dimensions=view.dimensions,
        lsn=view.lsn,
        log_bytes=core.log_bytes_of(engine.space),
        syncs=engine.groups_committed,
        resident_bytes=engine.resident_bytes,
        recovered_entries=opening.entries,
        recovery_ms=opening.duration_ms,
        checkpoint_lsn=checkpoint.lsn,
        checkpoint_at=None if checkpoint.at is None else to_datetime(checkpoint.at),
        checkpoint_error=checkpoint.error,
        recovery_notes=opening.notes,
        hot=tiers.hot,
        warm=tiers.warm,
        cold=tiers.cold,
        tiers_error=tiers.error,
        scrubbed_at=None if scrub.at is None else to_datetime(scrub.at),
        scrub_damage=scrub.damage,
        suppressed=view.suppressed_count,
    )
