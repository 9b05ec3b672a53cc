"""Search of the sealed segments by vector: sketches choose, then float32 rows decide.

Rule 1: sketches of all rows are scanned in RAM, in one call over all segments; they choose some
        hundred candidates, of which the likely ones are read.
Rule 2: the cosine of a row is the number that a scan of float32 rows gives it.
Rule 3: a row is missed only if its sketch makes too little of it. Where fewer rows are candidates
        than are read at first, the search is exact.
Rule 4: what is read next is named to the medium before any of it is read.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from engram.kernels.sketches.encoding import rotated
from engram.kernels.sketches.protocol import SketchPart
from engram.model.errors import check
from engram.state.bodies import NO_ROW, OFFSET_BITS, OFFSET_MASK, SEALED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I64, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.protocol import KernelBackend
    from engram.retrieval.sketch_index import SketchView
    from engram.state.bodies import SealedPart
    from engram.state.space import View

    Masks = Callable[[SealedPart], U8 | None]

Scan: TypeAlias = "Callable[[], tuple[F32, U32]]"

# Rows that the scan gives out: more than are ever read, for which ones are is known only then.
CANDIDATES_MIN: Final = 400
CANDIDATES_PER_RESULT: Final = 4

# Rows that are read first, beyond the k that are wanted: the best of them tell which of the other
# candidates can still be among the best.
SPARE_MIN: Final = 16
SPARE_SHARE: Final = 4

# An estimate from signs of a rest r errs by |r| |w| sqrt((pi / 2 - 1) / D): its slope times
# |w| sqrt(1 - 2 / pi).
_DEVIATION: Final = math.sqrt(1 - 2 / math.pi)

# With 1.25 deviations as much was found as with 2, of random rows too; with 0.5 a recall_at_10 of
# 0.981 instead of 0.994 among 500,000 of those.
MARGIN: Final = 1.25 * _DEVIATION

# One from both bits errs by 0.49 of that: a rest has a cosine of 0.938 with its code, and one of
# sqrt(2 / pi) with its signs.
REACH: Final = 2 * 0.49 * _DEVIATION

# Below one candidate row in so many they are looked up one by one, not segment by segment.
FEW_SHARE: Final = 32

# Bytes of signs from which on two threads scan them: 2.5 ms for one.
SHARED_BYTES_MIN: Final = 64 << 20

# From this share of candidate rows on the masks of all segments cost more than they save.
MOST_SHARE: Final = 0.9


def alone(scan: Scan) -> Scan:
    """Leave a call to who waits for it."""
    return scan


class Search(NamedTuple):
    """What is looked for: `query` is a float32[d] of length 1; `done` is told each stage's end.

    `share` begins a call in another thread, if one is free, and returns what waits for it. With
    `sketches` the bodies in RAM are not scanned, and the first `sure` should not be missed (0:
    none of the k).
    """

    kernels: KernelBackend
    query: F32
    k: int
    cancel: CancelFlag | None
    done: Callable[[str], None]
    share: Callable[[Scan], Scan] = alone
    sketches: SketchView | None = None
    sure: int = 0


def top_k(search: Search, view: View, mask: U8 | None) -> tuple[F32, U32]:
    """Return the best `k` sealed rows as (cosines, rows), best first, ties by row.

    Args:
        search: what is looked for.
        view: what is searched.
        mask: rows that are candidates as a bitmap, least significant bit first; None for all.

    Raises:
        KernelCancelled: the flag was set before the search ended.
        DurabilityError: what was read is damaged or cannot be read.
    """
    k, done = search.k, search.done
    found = _candidates(search, view, mask, max(CANDIDATES_MIN, CANDIDATES_PER_RESULT * k))
    done("sketches")
    sure, highest = search.sure or k, found.estimates + found.errors
    order = np.argsort(-found.estimates, kind="stable")
    is_first = np.zeros(len(order), bool)
    is_first[order[: k + max(SPARE_MIN, k // SPARE_SHARE)]] = True
    if len(order) >= sure:
        # The best estimates are rather too high: what comes near them is read in any case, and a
        # segment takes as long to ask for one row as to read another of its rows.
        is_first |= highest > found.estimates[order[sure - 1]]
    cosines = exact(search, view, found.places[is_first])
    rows = found.rows[is_first]
    if len(cosines) < len(order):
        last = len(cosines) - sure
        worst = np.partition(cosines, last)[last]
        is_likely = (highest > worst) & ~is_first
        cosines = np.concatenate((cosines, exact(search, view, found.places[is_likely])))
        rows = np.concatenate((rows, found.rows[is_likely]))
    order = np.lexsort((rows, -cosines))[:k]
    done("rerank")
    return cosines[order], rows[order]


def exact(search: Search, view: View, places: U32) -> F32:
    """Return float32[m]: the cosine at each of ascending sealed places, without their first bit."""
    vectors = np.empty((len(places), view.dimensions), np.float32)
    norms = np.empty(len(places), np.float32)
    chosen = list(_by_segment(view, places, search.cancel))
    for part, _, offsets in chosen:
        part.segment.expect_vectors(offsets)
    for part, inside, offsets in chosen:
        if search.cancel is not None:
            search.cancel.check()
        vectors[inside] = part.segment.vectors(offsets)
        norms[inside] = part.segment.norms[offsets]
    return in_order(search.kernels, search.query, vectors, norms)


def in_order(kernels: KernelBackend, query: F32, vectors: F32, norms: F32) -> F32:
    """Return float32[m]: the cosine of each of float32[m, d], as a scan of them gives it."""
    if not len(vectors):
        return np.zeros(0, np.float32)
    return kernels.similarity_f32(query, vectors, inv_norms=norms)


class _Candidates(NamedTuple):
    """Rows that may be among the best, by ascending places."""

    places: U32
    rows: U32
    estimates: F32
    """float32[m]: their cosines as the sketches have them."""
    errors: F32
    """float32[m]: by how much a cosine may be above its estimate."""
    are_all: bool
    """Whether there are no other rows."""

    def where(self, chosen: NDArray[np.bool_]) -> _Candidates:
        """Return those that were chosen."""
        places, rows, estimates, errors, are_all = self
        return _Candidates(places[chosen], rows[chosen], estimates[chosen], errors[chosen], are_all)


def _candidates(search: Search, view: View, mask: U8 | None, count: int) -> _Candidates:
    """Return the best `count` rows by their sketches."""
    if mask is None:
        return _scanned(search, view, _live, count)
    if int(np.bitwise_count(mask).sum()) >= MOST_SHARE * view.count:
        # It costs less to leave out those few that are found and are no candidates.
        found = _scanned(search, view, _live, count + count // SPARE_SHARE)
        rows = found.rows
        passing = (mask[rows >> np.uint32(3)] >> (rows & np.uint32(7)).astype(np.uint8) & 1) > 0
        if found.are_all or np.count_nonzero(passing) >= count:
            return found.where(passing)
    return _scanned(search, view, _masked(view, mask), count)


def _scanned(search: Search, view: View, masks: Masks, count: int) -> _Candidates:
    parts = _sketches(view, search.query, masks)
    estimates, places = _best_by_sketches(search, parts, count)
    order = np.argsort(places)
    estimates, places = estimates[order], places[order]
    rows, errors = np.empty(len(places), np.uint32), np.empty(len(places), np.float32)
    margins = {part.first >> OFFSET_BITS: part.margin for part in parts}
    for part, inside, offsets in _by_segment(view, places, None):
        rows[inside] = part.rows[offsets]
        margin = margins[int(places[inside.start]) >> OFFSET_BITS]
        errors[inside] = part.segment.factors[0, offsets] * np.float32(margin * REACH / MARGIN)
    found = _Candidates(places, rows, estimates, errors, len(places) < count)
    return found.where(rows != NO_ROW)


def _best_by_sketches(search: Search, parts: list[SketchPart], count: int) -> tuple[F32, U32]:
    """Return estimates and numbers of the best `count` rows by their sketches, in any order."""
    scan = partial(search.kernels.top_k_sketches, k=count, cancel=search.cancel)
    if sum(part.signs.nbytes for part in parts) < SHARED_BYTES_MIN:
        return scan(parts)
    half = len(parts) // 2
    others = search.share(partial(scan, parts[half:]))
    estimates, places = scan(parts[:half])
    more_estimates, more_places = others()
    estimates = np.concatenate((estimates, more_estimates))
    places = np.concatenate((places, more_places))
    best = np.lexsort((places, -estimates))[:count]
    return estimates[best], places[best]


def _by_segment(
    view: View, places: U32, cancel: CancelFlag | None
) -> Iterator[tuple[SealedPart, slice, U32]]:
    """Yield of ascending places each segment's part, which of them it holds, and their offsets."""
    owners = places >> np.uint32(OFFSET_BITS)
    starts = np.flatnonzero(np.diff(owners.astype(np.int64), prepend=-1)).tolist()
    offsets = places & np.uint32(OFFSET_MASK)
    ends = [*starts[1:], len(places)] if starts else []
    for start, end in zip(starts, ends, strict=True):
        if cancel is not None:
            cancel.check()
        part = view.sealed[int(owners[start])]
        check(part is not None, "a place names a segment that is there")
        if part is not None:
            yield part, slice(start, end), offsets[start:end]


def _sketches(view: View, query: F32, masks: Masks) -> list[SketchPart]:
    """Return what is scanned of each segment that has a candidate."""
    chosen = []
    for number, part in enumerate(view.sealed):
        if part is None or not len(part.segment.centre):
            continue
        mask = masks(part)
        if mask is None or mask.any():
            chosen.append((number, part, mask))
    if not chosen:
        return []
    turned = rotated(query)
    centres = np.stack([part.segment.centre for _, part, _ in chosen])
    rests = turned - centres
    biases = (centres @ turned).tolist()
    margins = (np.float32(MARGIN) * np.linalg.norm(rests, axis=1)).tolist()
    found = []
    for at, (number, part, mask) in enumerate(chosen):
        held, first = part.segment, number << OFFSET_BITS
        planes = (held.signs, held.magnitudes, held.factors)
        found.append(SketchPart(rests[at], biases[at], margins[at], *planes, first, mask))
    return found


def _live(part: SealedPart) -> U8 | None:
    return part.live


def _masked(view: View, mask: U8) -> Masks:
    """Return what gives the candidates of a segment as a bitmap of its offsets."""
    passing = np.unpackbits(mask, count=view.count, bitorder="little").astype(bool)
    if np.count_nonzero(passing) * FEW_SHARE <= view.count:
        return _few(view, np.flatnonzero(passing))
    # One more place, which never passes, for bodies whose memory is gone.
    passing = np.concatenate((passing, np.zeros(1, bool)))
    last = np.uint32(view.count)

    def of(part: SealedPart) -> U8:
        bits = np.packbits(passing[np.minimum(part.rows, last)], bitorder="little")
        return bits if part.live is None else bits & part.live

    return of


def _few(view: View, rows: I64) -> Masks:
    """Return the same for few rows, which are looked up by their places."""
    places = view.gather("place", rows)
    places = np.sort(places[(places & np.uint32(SEALED)) != 0] ^ np.uint32(SEALED))
    parts = _by_segment(view, places, None)
    offsets = {id(part): found for part, _, found in parts}

    def of(part: SealedPart) -> U8:
        chosen = np.zeros(len(part.rows), bool)
        chosen[offsets.get(id(part), slice(0))] = True
        return np.packbits(chosen, bitorder="little")

    return of
