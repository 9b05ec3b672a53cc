"""Deciding about a group of plain memories: texts with their vectors, and nothing else.

Most of what many writers send at once is that. It is the same as `engram.state.lone` decides (a
property test), at a third of the cost: columns that hold the same for all are not collected.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from engram.model.commands import Command, Remember
from engram.model.errors import EngramError
from engram.model.events import Remembered
from engram.state.batches import first_strength, mint_ids
from engram.state.outcomes import Decision, FreshOutcomes, check_room, settle_embedder
from engram.state.space import SpaceState


def decide_plain(
    state: SpaceState,
    space: str,
    commands: Sequence[Command],
    now: int,
    *,
    before: Remembered | None = None,
) -> Decision | None:
    """Return the one event that stores them all; None when one of them needs a look of its own.

    With `before`, an event that comes first and is not applied yet, it is decided as after that,
    not before the times known then; None also when that one may change what becomes of them.
    """
    if not all(map(_is_plain, commands)):
        return None
    plain: Sequence[Remember] = commands  # type: ignore[assignment]
    keys = array("Q", [each.content_key for each in plain])
    if not _are_new(state, keys):
        return None
    count = len(plain)
    if before is not None:
        if before.dimensions != state.dimensions or _share_one(keys, before.content_keys):
            return None
        latest = int.from_bytes(before.recorded_at[-8:], "little", signed=True)
        now = max(now, latest + 1, state.request_keys.last_at)
        count += before.count
    vectors = [each.vector for each in plain]
    embedders, lengths = {each.embedder for each in plain}, set(map(len, vectors))
    if len(embedders) > 1 or len(lengths) > 1:
        return None
    (embedder,), (vector_bytes,) = embedders, lengths
    if not vector_bytes:
        embedder = ""
    try:
        check_room(state, space, count)
        if vector_bytes:
            embedder = settle_embedder(state, space, embedder, vector_bytes // 4)
    except EngramError:
        return None  # whom it concerns is found out one by one
    ids = mint_ids(now, b"".join([each.chance for each in plain])).astype("<u8", copy=False)
    event = _event(state, plain, keys, ids.tobytes(), now)
    event.dimensions, event.embedder = vector_bytes // 4, embedder
    outcomes = FreshOutcomes(event.ids)
    return Decision([(event, b"".join(vectors))], outcomes, len(plain))


def _is_plain(command: Command) -> bool:
    return type(command) is Remember and command.is_plain


def _are_new(state: SpaceState, keys: array[int]) -> bool:
    """Whether each key stands for another text than the others, and for none that is stored."""
    distinct = set(keys)
    return len(distinct) == len(keys) and 0 not in distinct and not state.content_keys.has_any(keys)


def _share_one(keys: array[int], others: bytes) -> bool:
    return not set(keys).isdisjoint(np.frombuffer(others, "<u8").tolist())


def _event(
    state: SpaceState, plain: Sequence[Remember], keys: array[int], ids: bytes, now: int
) -> Remembered:
    count = len(plain)
    contents = [each.content for each in plain]
    stability, difficulty = first_strength(state.settings.weights)
    recorded = np.arange(now, now + count, dtype="<i8").tobytes()
    bytes_of_zeros, words_of_zeros = bytes(count), bytes(4 * count)
    return Remembered(
        count=count,
        ids=ids,
        recorded_at=recorded,
        occurred_at=recorded,
        dated=bytes_of_zeros,
        kinds=bytes_of_zeros,
        confidences=array("f", [each.confidence for each in plain]).tobytes(),
        stabilities=stability * count,
        difficulties=difficulty * count,
        sources=words_of_zeros,
        sessions=words_of_zeros,
        tag_counts=bytes_of_zeros,
        tags=b"",
        labels=[],
        content_keys=keys.tobytes(),
        content_bytes=array("I", map(len, contents)).tobytes(),
        contents=b"".join(contents),
        metadata_bytes=words_of_zeros,
        metadata=b"",
        inverse_norms=array("f", [each.inverse_norm for each in plain]).tobytes(),
        dimensions=0,
        embedder="",
    )
