"""Convert a space to another embedder: stage every new vector, then switch at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio.to_thread
import numpy as np

from engram.engine.space_engine import SpaceEngine
from engram.model.commands import AdoptEmbedder, Reembed
from engram.model.cue import NO_FILTERS
from engram.model.errors import Conflict, MemoryNotFound, VectorsWouldBeLost
from engram.ports import Embedder
from engram.retrieval.filters import rows_passing
from engram.service.core import Core
from engram.service.preparing import check_vectors
from engram.service.vectors import embed
from engram.state.decide import vectors_without_text

# 512 texts a step: a progress bar moves several times a second with the offline embedder.
STEP_ROWS: Final = 512


async def reembed(
    engine: SpaceEngine,
    core: Core,
    embedder: Embedder,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Embed every living text with `embedder` and make its vectors the space's own.

    Writes go on meanwhile; what they add is embedded in a further round before the switch.
    """
    textless = vectors_without_text(engine.view)
    if textless:
        raise VectorsWouldBeLost(textless, embedder.identity)
    done_rows, embedded = 0, 0
    while True:
        view = engine.view
        living = np.flatnonzero(await anyio.to_thread.run_sync(rows_passing, view, NO_FILTERS))
        rows = [row for row in living.tolist() if row >= done_rows]
        rows = [row for row in rows if view.value("content_bytes", row)]
        for first in range(0, len(rows), STEP_ROWS):
            part = rows[first : first + STEP_ROWS]
            texts = await anyio.to_thread.run_sync(view.contents, np.array(part))
            made = await embed(embedder, [text.decode() for text in texts])
            vectors, norms = check_vectors(core.kernels, made, len(part))
            await _stage(engine, np.array(part), vectors, norms, embedder)
            embedded += len(part)
            if progress is not None:
                progress(embedded, max(embedded, len(rows)))
        # A round that staged nothing and is not enough: another conversion took what was staged.
        done_rows = view.count if rows else 0
        try:
            await engine.submit(AdoptEmbedder(embedder.identity, embedder.dimensions))
        except Conflict:
            continue
        return embedded


async def _stage(
    engine: SpaceEngine,
    rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    norms: np.ndarray[tuple[int], np.dtype[np.float32]],
    embedder: Embedder,
) -> None:
    """Stage the vectors of rows; of a memory forgotten meanwhile nothing is staged."""
    while len(rows):
        view = engine.view
        living = (view.gather("flags", rows) & 1) != 0
        rows, vectors, norms = rows[living], vectors[living], norms[living]
        ids = np.stack([view.gather("id_high", rows), view.gather("id_low", rows)], axis=1)
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
