"""The verbs that only read: recall, listing, statistics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import anyio
import anyio.to_thread
import msgspec
import numpy as np

from engram.engine.space_engine import SpaceEngine
from engram.model.cue import NO_FILTERS, Filters, make_filters
from engram.model.errors import (
    DimensionMismatch,
    DurabilityError,
    InvalidRequest,
    KernelCancelled,
    MemoryNotFound,
)
from engram.model.ids import MemoryId, parse_id
from engram.model.memory import Memory, MemoryKind, Page, SpaceStats, to_datetime
from engram.model.recall_result import RecallResult
from engram.retrieval.asking import Cue, Found
from engram.retrieval.filters import living_count, rows_known
from engram.service.answering import analysed, recollections, rows_on_ways, why_nothing
from engram.service.citing import cited_by
from engram.service.core import Core
from engram.service.given_vectors import check_vector
from engram.service.history import check_as_of
from engram.service.questions import FilterArguments, Question, check_limit, check_question
from engram.service.searching import Asked, graph_at, search
from engram.service.turns import in_turns
from engram.service.vectors import embed, embedder_for
from engram.state.current import not_found, row_ever
from engram.state.reading import memories_at
from engram.state.space import SUPPRESSED, View

T = TypeVar("T")


class RowsListed(NamedTuple):
    """One page of a listing: its rows, how many there are in all, and where the next begins."""

    rows: list[int]
    total: int
    rest: int
    """How many there are from the first of the page on."""
    cursor: str | None


_CONCEPT: Final = MemoryKind.CONCEPT.name.lower()


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
    check_question(question)
    engine.activity.begin_recall()
    try:
        if question.deadline_ms is None:
            return await on_bodies(engine, lambda: _recall(core, engine, question, arguments))
        with anyio.move_on_after(question.deadline_ms / 1_000):
            return await on_bodies(engine, lambda: _recall(core, engine, question, arguments))
        raise KernelCancelled
    finally:
        engine.activity.end_recall()


async def _recall(
    core: Core, engine: SpaceEngine, question: Question, arguments: FilterArguments
) -> RecallResult:
    started = core.clock.monotonic()
    view, words = engine.view, engine.words  # together: both go by the same row numbers
    primed = engine.unrecorded.primed(question.session)
    filters = checked_filters(core, engine, view, arguments)
    if question.filters is not NO_FILTERS:
        filters = msgspec.structs.replace(question.filters, as_of=filters.as_of)
    now = core.clock.now()
    cue, embedded_us = await _cue(core, engine, view, question, filters, now)
    if primed is not None:
        cue = cue._replace(primed=primed)
    tell = None if core.tracer is None else core.tracer.stages(engine.space)
    found = await search(core, engine, Asked(view, words, cue, now, tell))
    if question.select is not None:
        found = found._replace(hits=question.select(view, found.hits))
    chosen = core.clock.monotonic()
    rows = [hit.row for hit in found.hits]
    memories = await memories_of(core, engine, view, rows, now)
    if question.reinforce:
        engine.recalled(view, rows, question.session)
    texts = await _texts_on_ways(engine, view, found) if question.explain else None
    cited: dict[int, tuple[str, ...]] = {}
    if any(memory.kind == _CONCEPT for memory in memories):
        cited = cited_by(view, graph_at(engine, view, filters.as_of), rows)
    searched = await _searched(view, filters, now)
    told = await in_turns(
        len(memories),
        lambda part: recollections(view, found.hits[part], memories[part], texts, cited),
    )
    ended = core.clock.monotonic()
    if tell is not None:
        tell("stage memories", ended - chosen)
    timings = {"embed": embedded_us, **found.timings_us, "memories": (ended - chosen) / 1_000}
    timings["total"] = (ended - started) / 1_000
    return RecallResult(
        recollections=tuple(told),
        timings_us=timings,
        candidates=found.candidates,
        searched=searched,
        lsn=view.lsn,
        note=None if found.hits else why_nothing(searched, found, cue),
        query_analysis=analysed(cue, found),
        cue=question.text,
    )


async def _texts_on_ways(engine: SpaceEngine, view: View, found: Found) -> dict[int, str]:
    """Return the texts of the memories on the ways to all hits, by row."""
    rows = np.array(rows_on_ways(view, found.hits), np.int64)
    if not len(rows):
        return {}
    if view.all_hot(rows):
        contents = view.contents(rows)
    else:
        contents = await engine.readers.run(lambda _: view.contents(rows))
    return {row: text.decode() for row, text in zip(rows.tolist(), contents, strict=True)}


def checked_filters(
    core: Core, engine: SpaceEngine, view: View, arguments: FilterArguments
) -> Filters:
    """Return filters; InvalidRequest when the space cannot answer about their time."""
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
    core: Core, engine: SpaceEngine, view: View, rows: Sequence[int], now: int
) -> list[Memory]:
    """Return the memories in `rows` of `view`; a worker thread reads those that are on disk."""
    numbers = np.array(rows, np.uint32)
    records = core.kernels.gather_records(engine.records.made_of(view), numbers)

    def made(part: slice) -> list[Memory]:
        return memories_at(view, rows[part], engine.space, now, records[part])

    if view.all_hot(numbers):
        return await in_turns(len(rows), made)
    return await engine.readers.run(lambda _: made(slice(None)))


async def _cue(
    core: Core, engine: SpaceEngine, view: View, question: Question, filters: Filters, now: int
) -> tuple[Cue, float]:
    text = question.text
    if text:
        text = text.encode(errors="replace").decode()
    started = core.clock.monotonic()
    row, inverse_norm = None, 0.0
    if question.embedding is not None:
        row, inverse_norm = check_vector(core.kernels, question.embedding)
        if view.dimensions and len(row) != view.dimensions:
            raise DimensionMismatch(len(row), view.dimensions, engine.space)
    elif text and view.dimensions and question.verb != "search":
        embedder = embedder_for(engine.space, view, core.embedder)
        if embedder is not None:
            asked = await _without_speakers(engine, view, text)
            row, inverse_norm = check_vector(core.kernels, (await embed(embedder, [asked]))[0])
    embedded_us = (core.clock.monotonic() - started) / 1_000
    vector = None
    if row is not None:
        # Of our own dtype object: that of a caller's unpickled array is another one, which the
        # kernels would look at more closely at each call.
        vector = np.multiply(row, np.float32(inverse_norm), out=np.empty(len(row), np.float32))
    return (
        Cue(
            text=text,
            vector=vector,
            filters=filters,
            limit=question.limit,
            explain=question.explain,
            mode=question.mode,
            rows=_named_rows(engine, view, question.memory_ids, filters.as_of, now),
        ),
        embedded_us,
    )


def _named_rows(
    engine: SpaceEngine, view: View, memory_ids: Sequence[str], as_of: int | None, now: int
) -> tuple[int, ...]:
    rows = []
    for memory_id in dict.fromkeys(memory_ids):
        row = view.row_of(*parse_id(memory_id), as_of, now=now)
        if row is None:
            raise MemoryNotFound(memory_id, engine.space)
        rows.append(row)
    return tuple(rows)


async def _without_speakers(engine: SpaceEngine, view: View, text: str) -> str:
    """Return a cue as it is embedded; catches the word index up in a worker thread if need be."""
    words = engine.words.ready(view)
    if words is None:
        at = engine.words.at
        words = await engine.readers.run(lambda _: at(view))
    return words.without_speakers(text)


async def one(core: Core, engine: SpaceEngine, identity: MemoryId, filters: Filters) -> Memory:
    """Return one memory as it is, or was at `filters.as_of`; MemoryNotFound when there is none."""
    view, now = engine.view, core.clock.now()
    check_as_of(engine, view, filters.as_of, now)
    row = view.row_of(*identity, filters.as_of, now=now)
    if row is None:
        raise not_found(view, engine.space, identity, now)
    if int(view.value("flags", row)) & SUPPRESSED and not filters.include_suppressed:
        raise MemoryNotFound(str(identity), engine.space)
    waiting = engine.unrecorded.of(view, row)
    (memory,) = await memories_of(core, engine, view, [row], now)
    if not waiting.accesses:
        return memory
    last_at = to_datetime(waiting.last_at)
    return msgspec.structs.replace(
        memory,
        access_count=memory.access_count + waiting.accesses,
        last_access_at=max(last_at, memory.last_access_at or last_at),
    )


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
    view, now = engine.view, core.clock.now()
    found = await rows_listed(core, engine, view, limit, cursor, arguments, now)
    memories = tuple(await memories_of(core, engine, view, found.rows, now))
    return Page(memories=memories, total=found.total, cursor=found.cursor)


async def rows_listed(
    core: Core,
    engine: SpaceEngine,
    view: View,
    limit: int,
    cursor: str | None,
    arguments: FilterArguments,
    now: int,
) -> RowsListed:
    """Return the rows of one page of a view; see `listing`."""
    limit = check_limit(limit)
    filters = checked_filters(core, engine, view, arguments)
    after = _after(cursor)
    rows = np.flatnonzero(await anyio.to_thread.run_sync(engine.row_masks.rows, view, filters, now))
    recorded = view.gather("recorded_at", rows) if len(rows) else np.zeros(0, np.int64)
    first = int(np.searchsorted(recorded, after, side="right"))
    more = first + limit < len(rows)
    return RowsListed(
        rows=rows[first : first + limit].tolist(),
        total=len(rows),
        rest=len(rows) - first,
        cursor=f"{recorded[first + limit - 1]:x}" if more else None,
    )


def cursor_behind(view: View, space: str, memory_id: str) -> str:
    """Return the cursor of the page behind a memory, which need not live, nor be listed itself.

    Raises InvalidRequest when that is no id, MemoryNotFound when the space has no memory of it, or
    none any more: erased, or forgotten before the history that is kept.
    """
    row = row_ever(view, parse_id(memory_id))
    if row is None:
        raise MemoryNotFound(memory_id, space)
    return f"{int(view.value('recorded_at', row)):x}"


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
    linker = core.registry.linker_of(engine.space)
    consolidator = core.registry.consolidator_of(engine.space)
    return SpaceStats(
        id=engine.space,
        memories=living_count(view, core.clock.now()) - view.formed_count,
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
        unlinked=linker.lag,
        linker_error=linker.error,
        concepts=view.formed_count,
        consolidation_rate=consolidator.rate,
        consolidation_error=consolidator.error,
    )
