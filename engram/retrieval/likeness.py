"""What memories are like which: nearest neighbours above what unrelated ones have in common.

Embedders point all texts of a kind into much the same direction (random turns of a conversation
have a cosine of 0.88 under the static one), so what a space has in common is taken off first: the
**likeness** of two memories is the cosine of their unit vectors less the mean of the space's unit
vectors (Mu and Viswanath, "All-but-the-Top", ICLR 2018, take off the mean likewise). Unrelated
pairs then have a likeness around 0 whatever the embedder, and how far it strays says where
relation begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from engram.retrieval import hot, vectors
from engram.retrieval.tiered import Search
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT, take
from engram.state.concepts import CONCEPT_KIND
from engram.state.space import ALIVE, HAS_VECTOR, REPLAYED

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.protocol import KernelBackend
    from engram.retrieval.sketch_index import SketchView
    from engram.state.space import View

LINKS_COUNT: Final = 4
"""Neighbours a memory is linked to, at most; others may choose it besides."""

DEVIATIONS: Final = 4.5
"""So many standard deviations above the mean of random pairs a link begins: many weak links take
activation from stronger associations (docs/reference/consolidation.md has the figures)."""

FLOOR_MIN: Final = 0.3
FLOOR_MAX: Final = 0.65
"""Where a link begins at any rate: in a space of one topic, or of clusters far apart, random pairs
say too little."""

NEAR_DUPLICATE: Final = 0.9
"""From this likeness on two memories may say the same: they are linked so, and reported."""

_SAMPLE_ROWS: Final = 512
# As if 10 unrelated rows had been seen before the space was looked at: of a dozen memories most may
# be related. Their pairs stray as those of short texts do under both embedders.
_PRIOR_ROWS: Final = 10
_PRIOR_PAIRS: Final = _PRIOR_ROWS * (_PRIOR_ROWS - 1)
_PRIOR_DEVIATION: Final = 0.15
# The nearest by direction are looked at, so many, and the most alike of them taken.
_CANDIDATES: Final = 3 * LINKS_COUNT
# One call for a batch goes over all rows for each; beyond so many, sketches are sooner through.
_SCANNED_ROWS_MAX: Final = 16_384
# Pairs compared between two breaks: some 100 us for 384 dimensions.
_PAIRS_AT_ONCE: Final = 128
_LENGTH_MIN: Final = 1e-6


class Likeness(NamedTuple):
    """What the memories of a space have in common, and how far random pairs stray.

    `centre` is the mean float32[d] of its unit vectors, `mean` and `deviation` are those of the
    likeness of random pairs.
    """

    centre: F32
    mean: float
    deviation: float

    @property
    def floor(self) -> float:
        """The least likeness of two memories that are linked."""
        return min(max(self.mean + DEVIATIONS * self.deviation, FLOOR_MIN), FLOOR_MAX)

    def directions(self, view: View, rows: NDArray[Any]) -> F32:
        """Return float32[n, d]: unit vectors whose products are likenesses; may read segments.

        Zeros where a row has no vector, or none but what all have in common.
        """
        if not len(rows):
            return np.zeros((0, len(self.centre)), np.float32)
        norms = view.norms_of(rows)
        rests = view.vectors_of(rows) * norms[:, None] - self.centre
        lengths = np.linalg.norm(rests, axis=1)
        is_there = (norms > 0) & (lengths > _LENGTH_MIN)
        return np.asarray(rests * (is_there / np.maximum(lengths, _LENGTH_MIN))[:, None], "<f4")

    def of_pairs(self, view: View, ones: U32, others: U32) -> F32:
        """Return float32[n]: the likeness of each pair of rows; may read segments."""
        first, second = self.directions(view, ones), self.directions(view, others)
        return np.asarray(np.einsum("nd,nd->n", first, second), np.float32)


class Alike(NamedTuple):
    """Pairs of rows uint32[n] and how alike they are, float32[n]; those of a source together."""

    sources: U32
    targets: U32
    likenesses: F32


def likeness_of(view: View) -> Likeness:
    """Return what the memories of a space have in common, from rows spread evenly over it."""
    rows = np.unique(np.linspace(0, max(view.count - 1, 0), _SAMPLE_ROWS).astype(np.int64))
    rows = rows[: view.count]
    rows = rows[(view.gather("flags", rows) & (ALIVE | HAS_VECTOR)) == (ALIVE | HAS_VECTOR)]
    units = view.vectors_of(rows) * view.norms_of(rows)[:, None]
    centre = np.asarray(units.sum(axis=0) / np.float32(len(rows) + _PRIOR_ROWS), np.float32)
    likeness = Likeness(centre, 0.0, _PRIOR_DEVIATION)
    ways = likeness.directions(view, rows).astype(np.float64)
    table = ways @ ways.T
    np.fill_diagonal(table, 0.0)
    pairs = len(ways) * (len(ways) - 1) + _PRIOR_PAIRS
    mean = float(table.sum()) / pairs
    squares = float((table * table).sum()) + _PRIOR_PAIRS * _PRIOR_DEVIATION**2
    return likeness._replace(
        mean=mean, deviation=float(np.sqrt(max(squares / pairs - mean * mean, 0.0)))
    )


def are_sketches_searched(view: View) -> bool:
    """Whether `alike` searches by sketches: scans of all bodies in RAM would take longer."""
    return bool(view.sealed) or view.hot.count > _SCANNED_ROWS_MAX


def alike(
    kernels: KernelBackend,
    view: View,
    rows: NDArray[np.int64],
    mask: U8 | None,
    sketches: SketchView | None,
    likeness: Likeness,
) -> Generator[None, None, Alike]:
    """Return up to LINKS_COUNT rows most like each of `rows`, from the floor on, best first.

    It yields every few 100 us of what needs the interpreter's lock.

    Args:
        kernels: who computes.
        view: what is searched; blocks where a body is sealed.
        rows: int64[n], whose neighbours are wanted; those without a vector have none. Concepts that
            consolidation formed are nobody's neighbours.
        mask: candidates as a bitmap, least significant bit first; None for every row.
        sketches: of the bodies in RAM, where they are searched and there are any.
        likeness: of the space.
    """
    ways = likeness.directions(view, rows)
    is_there = ways.any(axis=1)
    rows, ways = rows[is_there], ways[is_there]
    if are_sketches_searched(view):
        found = []
        for way in ways:
            found.append(_searched(kernels, view, way, mask, sketches))
            yield
    else:
        found = _scanned(kernels, view, ways, mask) if len(ways) else []
        yield
    others = np.concatenate([np.zeros(0, np.uint32), *found])
    places = np.repeat(np.arange(len(rows)), [len(near) for near in found])
    kept = (others != rows[places]) & ~are_formed(view, others)
    places, others = places[kept], others[kept]
    shares = np.empty(len(others), np.float32)
    for first in range(0, len(others), _PAIRS_AT_ONCE):
        some = slice(first, first + _PAIRS_AT_ONCE)
        directions = likeness.directions(view, others[some])
        shares[some] = np.einsum("nd,nd->n", directions, ways[places[some]])
        yield
    enough = np.flatnonzero(shares >= likeness.floor)
    order = enough[np.lexsort((others[enough], -shares[enough], places[enough]))]
    best = order[_ranks(places[order]) < LINKS_COUNT]
    sources = rows[places[best]].astype(np.uint32)
    return Alike(sources, others[best], np.minimum(shares[best], np.float32(1)))


def _ranks(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return int64[n]: how many of the same place come before, for ascending places."""
    begins = np.searchsorted(places, places, side="left")
    return np.arange(len(places)) - begins


def are_formed(view: View, rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Return bool[n]: whether rows are concepts that consolidation formed: these have citations."""
    if not len(rows):
        return np.zeros(0, bool)
    is_replayed = (view.gather("flags", rows) & np.uint8(REPLAYED)) != 0
    return np.asarray(is_replayed & (view.gather("kind", rows) == CONCEPT_KIND))


def _searched(
    kernels: KernelBackend, view: View, way: F32, mask: U8 | None, sketches: SketchView | None
) -> U32:
    k = _CANDIDATES + 1
    wanted = Search(kernels, way, k, None, lambda _: None, sketches=sketches, sure=LINKS_COUNT + 1)
    return vectors.top_k(wanted, view, mask)[1]


def _scanned(kernels: KernelBackend, view: View, ways: F32, mask: U8 | None) -> list[U32]:
    """Return the nearest by direction of each among the bodies in RAM, one pass for all."""
    bodies, found = view.hot, []
    if mask is not None and not bodies.slots_are_rows:
        mask = hot.mask_of_slots(bodies, mask)
    for number, page in enumerate(bodies.vectors):
        first = number << PAGE_SHIFT
        inside = min(bodies.count - first, PAGE_ROWS)
        if inside <= 0:
            break
        scores, slots = kernels.top_k_many_f32(
            ways,
            page[:inside],
            _CANDIDATES + 1,
            inv_norms=bodies.norms[number][:inside],
            mask=None if mask is None else mask[first >> 3 : (first + inside + 7) >> 3],
        )
        found.append((scores, slots + np.uint32(first)))
    scores, slots = (np.concatenate(column, axis=1) for column in zip(*found, strict=True))
    best = np.argsort(-scores, axis=1, kind="stable")[:, : _CANDIDATES + 1]
    chosen = np.take_along_axis(slots, best, axis=1)
    if bodies.slots_are_rows:
        return list(chosen)
    return list(take(bodies.rows, chosen.reshape(-1)).reshape(chosen.shape))
