"""Completion of an episode: what the space's own episodes say of the fields that are not given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.completion import (
    CONSOLIDATED,
    EPISODE_FIELDS,
    GIVEN,
    HYPOTHESES_MAX,
    IMAGINED,
    RECALLED,
    RECONSTRUCTED,
    CompletedField,
    Completion,
    Hypothesis,
)
from engram.model.cue import NO_FILTERS
from engram.model.errors import DimensionMismatch, InvalidRequest
from engram.model.ids import format_id
from engram.model.limits import DETAIL_CHARACTERS_MAX, DIMENSIONS_MAX, EPISODE_WHO_COUNT_MAX
from engram.retrieval.completion import Completer, Guess
from engram.retrieval.partial_vectors import PartialVector, agreements
from engram.service.associating import whole
from engram.service.reading import on_bodies
from engram.state.concepts import CONCEPT_KIND

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from engram.engine.space_engine import SpaceEngine
    from engram.kernels.cancel import CancelFlag
    from engram.retrieval.episodes import EpisodeColumns
    from engram.service.core import Core
    from engram.state.space import View

_EXACT: Final = 1.0 - 1e-9
Fields = Mapping[str, str | Sequence[str] | None]


class _Part(NamedTuple):
    """What is given of an episode: texts by field, and what is known of its vector."""

    texts: Mapping[str, tuple[str, ...]]
    vector: PartialVector | None = None


async def complete(
    core: Core,
    engine: SpaceEngine,
    fields: Fields,
    limit: int,
    embedding: ArrayLike | None = None,
) -> Completion:
    """Carry out `Space.complete` over the newest durable view."""
    known = _checked(fields, embedding)
    limit = whole("limit", limit, HYPOTHESES_MAX)

    async def read() -> Completion:
        view = engine.view
        if embedding is not None and view.dimensions not in (0, np.size(embedding)):
            raise DimensionMismatch(np.size(embedding), view.dimensions, engine.space)
        ready = partial(_completed, engine, view, core.clock.now(), known, limit)
        return await engine.readers.run(ready)

    return await on_bodies(engine, read)


def _checked(fields: Fields, embedding: ArrayLike | None) -> _Part:
    """Return what is given; InvalidRequest lists every rule that it breaks."""
    violations: list[str] = []
    known: dict[str, tuple[str, ...]] = {}
    for field, value in fields.items():
        if value is None:
            continue
        texts = (value,) if isinstance(value, str) else value
        if field not in EPISODE_FIELDS:
            violations.append(f"an episode has no {field!r}; it has {', '.join(EPISODE_FIELDS)}")
        elif not _are_texts(texts) or (field != "who" and len(texts) != 1):
            violations.append(f"{field} must be text of 1 to {DETAIL_CHARACTERS_MAX:,} characters")
        elif len(texts) > EPISODE_WHO_COUNT_MAX:
            violations.append(f"who has {len(texts)} names, over {EPISODE_WHO_COUNT_MAX}")
        else:
            known[field] = tuple(texts)
    vector = None if embedding is None else _partial(embedding, violations)
    if not known and embedding is None and not violations:
        violations.append(
            f"nothing is given; give one of {', '.join(EPISODE_FIELDS)}, or an embedding"
        )
    if len(known) == len(EPISODE_FIELDS):
        violations.append("every field is given; leave out what is to be completed")
    if violations:
        raise InvalidRequest(*violations)
    return _Part(known, vector)


def _partial(embedding: ArrayLike, violations: list[str]) -> PartialVector | None:
    """Return the components that are known: those that are numbers and not NaN."""
    try:
        with np.errstate(over="ignore"):  # what is beyond 32 bits is refused below
            row = np.asarray(embedding, np.float32)
    except (TypeError, ValueError):
        row = np.zeros(0, np.float32)
    if row.ndim != 1 or not 1 <= len(row) <= DIMENSIONS_MAX or np.isinf(row).any():
        violations.append(
            f"embedding is no vector of 1 to {DIMENSIONS_MAX:,} numbers, NaN for those not known"
        )
        return None
    places = np.flatnonzero(~np.isnan(row))
    if not row[places].any():
        violations.append("embedding has no component that is known and not 0")
        return None
    return PartialVector(places, row[places])


def _are_texts(texts: object) -> bool:
    return (
        isinstance(texts, Sequence)
        and len(texts) > 0
        and all(isinstance(each, str) for each in texts)
        and all(1 <= len(each) <= DETAIL_CHARACTERS_MAX for each in texts)
    )


def _completed(
    engine: SpaceEngine,
    view: View,
    now: int,
    part: _Part,
    limit: int,
    stop: CancelFlag,
) -> Completion:
    columns = engine.facts.episodes.at(view, stop.check)
    inside = columns.rows < view.count
    rows = np.where(inside, columns.rows, 0)
    if not len(rows):
        return Completion((), "no memory of the space tells what, where, who, why or how")
    allowed = engine.row_masks.rows(view, NO_FILTERS, now)[rows] & inside
    sure = view.gather("confidence", rows).astype(np.float64)
    known, likes = part.texts, None
    if part.vector is not None:
        likes = np.zeros(len(rows))
        if view.dimensions:
            likes[allowed] = agreements(view, rows[allowed], part.vector, stop.check)
    completer = Completer(columns, known, allowed, sure, stop.check, likes)
    found: list[Hypothesis] = []
    while len(found) < limit and (guesses := completer.next()):
        guesses |= _imagined(columns, known, guesses, allowed, sure, stop)
        found.append(_hypothesis(view, columns, known, guesses))
    if not found:
        return Completion((), "no memory has anything in common with what was given")
    return Completion(tuple(sorted(found, key=lambda each: -each.confidence)))


def _imagined(
    columns: EpisodeColumns,
    known: Mapping[str, tuple[str, ...]],
    guesses: Mapping[str, Guess],
    allowed: NDArray[np.bool_],
    sure: NDArray[np.float64],
    stop: CancelFlag,
) -> dict[str, Guess]:
    """Return guesses of the fields that no episode has which agrees with what is given.

    Episodes like what was completed say them; they are no surer than what they go by.
    """
    missing = [each for each in EPISODE_FIELDS if each not in known and each not in guesses]
    if not missing:
        return {}
    believed = {
        field: tuple(columns.values[field][code] for code in guess.codes)
        for field, guess in guesses.items()
    }
    share = sum(guess.confidence for guess in guesses.values()) / len(guesses)
    found = Completer(columns, believed, allowed, sure, stop.check).next()
    return {
        field: found[field]._replace(confidence=share * found[field].confidence, agreement=0.0)
        for field in missing
        if field in found
    }


def _hypothesis(
    view: View,
    columns: EpisodeColumns,
    known: Mapping[str, tuple[str, ...]],
    guesses: Mapping[str, Guess],
) -> Hypothesis:
    fields: dict[str, CompletedField] = {}
    for field in EPISODE_FIELDS:
        if field in known:
            value = known[field] if field == "who" else known[field][0]
            fields[field] = CompletedField(value, GIVEN, 1.0)
        elif field in guesses:
            fields[field] = _field(view, columns, field, guesses[field])
    confidence = sum(each.confidence for each in guesses.values()) / len(guesses)
    return Hypothesis(fields, confidence)


def _field(view: View, columns: EpisodeColumns, field: str, guess: Guess) -> CompletedField:
    texts = tuple(columns.values[field][code] for code in guess.codes)
    rows = np.array(guess.rows)
    halves = (view.gather(half, rows).tolist() for half in ("id_high", "id_low"))
    ids = tuple(map(format_id, *halves))
    kind = int(view.gather("kind", rows[:1])[0])
    return CompletedField(
        texts if field == "who" else texts[0], _source(kind, guess), guess.confidence, ids
    )


def _source(kind: int, guess: Guess) -> str:
    if kind == CONCEPT_KIND:
        return CONSOLIDATED
    if guess.agreement >= _EXACT:
        return RECALLED
    return RECONSTRUCTED if guess.agreement > 0 else IMAGINED
