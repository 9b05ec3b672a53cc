"""Who makes the vectors of a space: the caller, or the embedder the store was opened with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engram.model.errors import EmbedderMismatch, InvalidRequest
from engram.ports import Embedder
from engram.state.outcomes import GIVEN
from engram.state.space import View


def check_embedder(space: str, view: View, embedder: Embedder | None) -> None:
    """Refuse with EmbedderMismatch when the space holds vectors of another embedder."""
    if embedder is None or not view.dimensions or view.embedder == GIVEN:
        return
    if view.embedder != embedder.identity:
        raise EmbedderMismatch(space, view.embedder, embedder.identity)


def embedder_for(space: str, view: View | None, embedder: Embedder | None) -> Embedder | None:
    """Return who embeds a text for the space; None when texts are found by their words alone."""
    if view is None or embedder is None or not view.dimensions:
        return embedder
    check_embedder(space, view, embedder)
    return None if view.embedder == GIVEN else embedder


def check_text_alone(space: str, view: View | None, *, embedding_given: bool) -> None:
    """Refuse a text without a vector in a space whose vectors the caller makes."""
    if embedding_given or view is None or view.embedder != GIVEN:
        return
    raise InvalidRequest(
        f"memory space {space!r} holds vectors of {view.dimensions} dimensions that were given "
        "with each memory; pass embedding= here too, or use another space"
    )


async def embed(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return contiguous float32[n, d] rows of the texts."""
    return np.ascontiguousarray(await embedder.embed(texts), dtype="<f4")
