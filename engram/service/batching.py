"""Many memories at once, cut into what one record of the log holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engram.model.commands import Remember, recorded_bytes_max
from engram.model.errors import InvalidRequest
from engram.model.limits import BATCH_COUNT_MAX, PART_BYTES_MAX
from engram.service.preparing import NewMemory


def own_embeddings(items: Sequence[NewMemory | str]) -> ArrayLike | None:
    """Return the embeddings the items carry; all of them do, or none."""
    own: list[Any] = [
        item["embedding"]
        for item in items
        if not isinstance(item, str) and item.get("embedding") is not None
    ]
    if own and len(own) < len(items):
        raise InvalidRequest(
            f"{len(own)} of {len(items)} items carry an embedding; give one with every item or "
            "with none"
        )
    lengths = {np.shape(embedding) for embedding in own}
    if len(lengths) > 1:
        raise InvalidRequest(
            f"the items' embeddings have different shapes ({min(lengths)}, {max(lengths)}); all of "
            "a space have one length"
        )
    return np.stack(own) if own else None


def parts(commands: Sequence[Remember], vector_bytes: int) -> Iterator[Sequence[Remember]]:
    """Cut commands into parts that fit one record of the log each."""
    first = size = 0
    for position, command in enumerate(commands):
        grown = recorded_bytes_max(command) + vector_bytes
        if position > first and (
            size + grown > PART_BYTES_MAX or position - first >= BATCH_COUNT_MAX
        ):
            yield commands[first:position]
            first, size = position, 0
        size += grown
    if first < len(commands):
        yield commands[first:]
