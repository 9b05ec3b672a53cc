"""Indexes what is new in a space while nothing else is to do, so that no recall need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio.to_thread

from engram.engine.space_engine import SpaceEngine
from engram.kernels.protocol import KernelBackend
from engram.model.errors import EngramError
from engram.model.limits import WORDS_UNSAVED_ROWS_MAX
from engram.ports import Clock

# 256 bodies of 384 dimensions a step, 2 ms: see `Words.step` for why not more.
_SKETCHED_ROWS: Final = 256


async def index(engine: SpaceEngine, kernels: KernelBackend, clock: Clock) -> None:
    """Go on until the engine is closed."""
    while not engine.is_closing:
        grown = engine.grown
        await _words(engine, clock)
        if engine.graph.is_due(engine.view) and not engine.is_closing:
            await anyio.to_thread.run_sync(engine.graph.tend, engine.view)
        await _sketches(engine, kernels, clock)
        # Snapshots are taken while much is written, when the words are behind.
        if engine.words.rows_unsaved > WORDS_UNSAVED_ROWS_MAX and engine.checkpointer is not None:
            engine.checkpointer.ask()
        if not engine.is_closing:
            await grown.wait()


async def _words(engine: SpaceEngine, clock: Clock) -> None:
    while engine.words.rows_indexed < engine.view.count and not engine.is_closing:
        await engine.activity.idle(clock)
        try:
            await _while_idle(engine, lambda: engine.words.step(engine.view))
        except EngramError:  # a text on disk cannot be read: a recall says so to its caller
            return


async def _sketches(engine: SpaceEngine, kernels: KernelBackend, clock: Clock) -> None:
    def step() -> bool:
        return engine.sketches.step(engine.view.hot, kernels, _SKETCHED_ROWS)

    while engine.sketches.behind(engine.view.hot) and not engine.is_closing:
        await engine.activity.idle(clock)
        await _while_idle(engine, step)


async def _while_idle(engine: SpaceEngine, step: Callable[[], bool]) -> None:
    """Take step after step, in turns with other spaces, until it was the last or work begins."""
    activity = engine.activity
    before, goes_on = activity.begun, True
    while goes_on:
        async with activity.turn:
            goes_on = engine.is_idle_since(before) and await anyio.to_thread.run_sync(step)
