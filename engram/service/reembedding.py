"""Convert a space to another embedder: stage every new vector, then switch at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from engram.engine.space_engine import SpaceEngine
from engram.model.commands import AdoptEmbedder, Reembed
from engram.model.cue import NO_FILTERS
from engram.model.errors import Conflict, MemoryNotFound, VectorsWouldBeLost
from engram.ports import Embedder
from engram.retrieval.filters import rows_passing
from engram.service.core import Core
from engram.service.given_vectors import check_vectors
from engram.service.vectors import embed
from engram.state.decide import vectors_without_text
from engram.state.space import View

# 512 texts a step: a progress bar moves several times a second with the offline embedder.
STEP_ROWS: Final = 512
_NONE: Final = -(1 << 63)  # before every time of recording


async def reembed(
    engine: SpaceEngine,
    core: Core,
    embedder: Embedder,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Embed every living text with `embedder` and make its vectors the space's own.

    Writes go on meanwhile; what they add is embedded in a further round before the switch. The new
    vectors of all memories are in RAM until then: Overloaded when the budget has no room for them.
    """
    textless = vectors_without_text(engine.view)
    if textless:
        raise VectorsWouldBeLost(textless, embedder.identity)
    core.registry.housekeeping.budget.check_conversion(engine.view.count, embedder.dimensions)
    done_until, embedded = _NONE, 0
    while True:
        view = engine.view
        living = np.flatnonzero(await anyio.to_thread.run_sync(rows_passing, view, NO_FILTERS))
        rows = _rows_to_embed(view, living, done_until)
        for first in range(0, len(rows), STEP_ROWS):
            part = rows[first : first + STEP_ROWS]
            texts = await anyio.to_thread.run_sync(view.contents, np.array(part))
            made = await embed(embedder, [text.decode() for text in texts])
            vectors, norms = check_vectors(core.kernels, made, len(part))
            ids = [view.gather(name, np.array(part)) for name in ("id_high", "id_low")]
            await _stage(engine, np.stack(ids, axis=1), vectors, norms, embedder)
            embedded += len(part)
            if progress is not None:
                progress(embedded, max(embedded, len(rows)))
        # A round that staged nothing and is not enough: another conversion took what was staged.
        done_until = int(view.value("recorded_at", view.count - 1)) if rows else _NONE
        try:
            await engine.submit(AdoptEmbedder(embedder.identity, embedder.dimensions))
        except Conflict:
            continue
        return embedded


def _rows_to_embed(view: View, living: NDArray[np.intp], done_until: int) -> list[int]:
    """Return which living rows with a text were recorded since."""
    if not len(living):
        return []
    later = view.gather("recorded_at", living) > done_until
    rows: list[int] = living[later & (view.gather("content_bytes", living) > 0)].tolist()
    return rows


async def _stage(
    engine: SpaceEngine,
    ids: np.ndarray[tuple[int, int], np.dtype[np.uint64]],
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    norms: np.ndarray[tuple[int], np.dtype[np.float32]],
    embedder: Embedder,
) -> None:
    """Stage the vectors of memories; of one that was forgotten meanwhile nothing is staged."""
    while len(ids):
        view = engine.view
        living = np.array([view.row_of(high, low) is not None for high, low in ids.tolist()])
        ids, vectors, norms = ids[living], vectors[living], norms[living]
        command = Reembed(
            ids.astype("<u8").tobytes(),
            embedder.identity,
            embedder.dimensions,
            norms.tobytes(),
            np.ascontiguousarray(vectors).tobytes(),
        )
        try:
            await engine.submit(command)
        except MemoryNotFound:
            continue
        return
