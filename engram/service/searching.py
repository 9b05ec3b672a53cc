"""Carries a recall out: on the event loop as far as its parts are short, else in reader threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from anyio import lowlevel

from engram.engine.space_engine import SpaceEngine
from engram.engine.words import Words
from engram.kernels.cancel import CancelFlag
from engram.model.cue import Filters
from engram.retrieval import pipeline
from engram.retrieval.asking import Cue, Found, Sources
from engram.retrieval.filters import RowMasks
from engram.retrieval.graph import SpaceGraph
from engram.retrieval.sketch_index import CATCH_UP_ROWS, SketchView
from engram.service import expected_cost
from engram.service.core import Core
from engram.state.space import View


class Asked(NamedTuple):
    """What is searched, for what, and the wall time; view and words go by the same row numbers.

    `on_stage` hears of each stage that ended, and how long it took in ns.
    """

    view: View
    words: Words
    cue: Cue
    now: int
    on_stage: Callable[[str, int], None] | None = None


async def search(core: Core, engine: SpaceEngine, asked: Asked) -> Found:
    """Return what a cue recalls."""
    view, words, cue, now, on_stage = asked
    sources = _sources(core, engine, words)
    if on_stage is not None:
        sources = sources._replace(on_stage=on_stage)
    if expected_cost.must_be_whole(view, cue):
        run = partial(pipeline.search, view, cue, sources, now=now)
        return await engine.readers.run(lambda cancel: run(cancel=cancel))
    # Who asks again and again without a pause must not keep the event loop for itself.
    await lowlevel.checkpoint()
    if expected_cost.is_quick(engine, view, cue):
        return pipeline.search(view, cue, sources, now=now)
    async with engine.readers.turns:
        found = await _in_parts(engine, asked, pipeline.Recall(view, cue, sources, now))
    if found.spreading is not None:
        engine.graph.note_read(found.spreading.edges_touched)
    return found


async def _in_parts(engine: SpaceEngine, asked: Asked, recall: pipeline.Recall) -> Found:
    """Carry out part by part; others run before the event loop was held for too long."""
    view, words, cue = asked[:3]
    part: str | None = ""
    expected_us, held_us = expected_cost.vectors_us(engine, view, cue), 0.0
    while part is not None:
        if expected_us > expected_cost.INLINE_US:
            part = await engine.readers.run(recall.step)
            held_us = 0.0
        else:
            if held_us + expected_us > expected_cost.INLINE_US:
                await lowlevel.checkpoint()
                held_us = 0.0
            part = recall.step(None)
            held_us += expected_us
        if part == pipeline.ASKING:
            expected_us = expected_cost.words_us(words, view)
        elif part is not None:
            count = recall.postings_count if part == pipeline.WORDS else 0
            expected_us = expected_cost.part_us(engine.graph, view, cue, part, count)
    await lowlevel.checkpoint()
    return recall.found


def _sources(core: Core, engine: SpaceEngine, words: Words) -> Sources:
    def sketches_at(view: View, cancel: CancelFlag | None) -> SketchView | None:
        # On the event loop nothing is caught up with.
        rows_max = 0 if cancel is None else CATCH_UP_ROWS
        return engine.sketches.at(view.hot, core.kernels, rows_max)

    return Sources(
        kernels=core.kernels,
        words_at=words.at,
        graph_at=partial(graph_at, engine),
        masks_of=partial(_masks_of, engine),
        unrelated=engine.unrelated_cosine,
        monotonic=core.clock.monotonic,
        share=engine.readers.share,
        sketches_at=sketches_at,
        ranked=engine.records.ranked,
        weights=core.weights,
        spreading=core.spreading,
    )


def graph_at(engine: SpaceEngine, view: View, as_of: int | None) -> SpaceGraph:
    """Return the associations of a view, or those at a time it is asked about."""
    return engine.graph.at(view) if as_of is None else engine.graph.at_time(view, as_of)


def _masks_of(
    engine: SpaceEngine, view: View, filters: Filters, now: int, cancel: CancelFlag | None
) -> RowMasks:
    """Return the rows that pass filters; conditions on bodies take long to judge."""
    stop = None if filters.where is None or cancel is None else cancel.check
    return engine.row_masks(view, filters, now, stop)
