"""Sketches of the bodies in RAM: derived, disposable, caught up with what is added.

Of each vector the signs of `engram.kernels.sketches.encoding` are kept, an eighth of a byte a
dimension and eight bytes, beside 4 bytes a dimension of the vector itself; the second bits are not,
because float32 rows in RAM are sooner scored than estimated twice.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.kernels.sketches.encoding import (
    BLOCK_ROWS,
    encode_signs,
    rotated,
    sketch_bits,
    turning,
)
from engram.model.errors import check
from engram.state.columns import PAGE_MASK, PAGE_ROWS, PAGE_SHIFT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U8
    from engram.kernels.protocol import KernelBackend
    from engram.state.bodies import HotView
    from engram.state.columns import Array, Pages

ROWS_MIN: Final = 4_096
"""Fewer bodies are scanned as they are: 0.2 ms of 384 dimensions."""

# Turned a row at a time by the kernel, 6 us of 384 dimensions: products of matrices by numpy's BLAS
# take 2 to 8, but where other threads are at work its own wait for them, 40 to 260 us a row.
_BLOCK_ROWS: Final = 256
_SAMPLE_ROWS: Final = 1_024
_FACTORS_COUNT: Final = 3
_CENTRE: Final = "sketches.centre"
_SIGNS: Final = "sketches.signs"
_FACTORS: Final = "sketches.factors"
# 30 ms: what a recall after a bulk load takes on top, until the background or it is through.
CATCH_UP_ROWS: Final = 4_096
# Weight of the newest search in what is expected of the next.
_NEWEST: Final = 0.125


class SketchPage(NamedTuple):
    """The sketches of the first n slots of one page of bodies, as the kernel takes them."""

    signs: U8
    magnitudes: U8
    factors: F32


class SketchView:
    """The sketches of the slots below `reached` of one layout of bodies. Never changes."""

    def __init__(
        self, index: SketchIndex, layout: object, centre: F32, pages: tuple[SketchPage, ...]
    ) -> None:
        self._index = index
        self.layout, self.centre, self.pages = layout, centre, pages
        self.reached = sum(page.factors.shape[1] for page in pages)

    def note_scored(self, count: int) -> None:
        """Note how many rows a search had to score."""
        self._index.note_scored(count)


class _Rows(NamedTuple):
    """Vectors float32[n, d] and their inverse norms."""

    kernels: KernelBackend
    vectors: F32
    norms: F32

    def turned(self, first: int, last: int) -> tuple[F32, NDArray[np.bool_]]:
        """Return unit rows turned, float32[m, D], and which of them are vectors."""
        norms = self.norms[first:last]
        is_there = (norms > 0) & np.isfinite(norms)
        units = self.vectors[first:last] * np.where(is_there, norms, 0)[:, None]
        to_turn = turning(units.shape[1])
        out = np.empty((last - first, len(to_turn)), np.float32)
        for unit, row in zip(units, out, strict=True):
            self.kernels.similarity_f32(unit, to_turn, out=row)
        return out, is_there


class _Kept(NamedTuple):
    """What the sketches were made of: another norm means another vector, or none."""

    layout: object
    norms: Pages


class SketchIndex:
    """The sketches of one space and how far they have come. Any thread may call it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: _Kept | None = None
        self._view: SketchView | None = None
        self._signs: list[U8] = []
        self._no_magnitudes = np.zeros((0, 0), np.uint8)
        self.scored_expected = 0.0
        """How many rows a search scores, as far as the last ones tell."""

    @property
    def resident_bytes(self) -> int:
        """Bytes of the sketches."""
        view = self._view
        if view is None:
            return 0
        return sum(page.signs.nbytes + page.factors.nbytes for page in view.pages)

    def note_scored(self, count: int) -> None:
        """Note how many rows a search had to score."""
        self.scored_expected += (count - self.scored_expected) * _NEWEST

    def behind(self, bodies: HotView) -> int:
        """Return how many slots of `bodies` are not reached, or have other vectors by now."""
        if bodies.count < ROWS_MIN or not bodies.vectors:
            return 0
        view, kept = self._view, self._kept
        if view is None or kept is None or kept.layout is not bodies.layout:
            return bodies.count
        if kept.norms is not bodies.norms and self._changed(kept, bodies) is not None:
            return bodies.count
        return int(max(0, bodies.count // BLOCK_ROWS * BLOCK_ROWS - view.reached))

    def at(
        self, bodies: HotView, kernels: KernelBackend, rows_max: int = CATCH_UP_ROWS
    ) -> SketchView | None:
        """Return sketches of `bodies`, caught up by at most `rows_max`; None where there are none.

        Slots from `reached` on have none yet. With no `rows_max` it never takes long.
        """
        if bodies.count < ROWS_MIN or not bodies.vectors:
            return None
        if rows_max and self.behind(bodies) >= _BLOCK_ROWS:
            self.step(bodies, kernels, rows_max)
        view, kept = self._view, self._kept
        if view is None or kept is None or view.layout is not bodies.layout:
            return None
        if kept.norms is not bodies.norms:
            if self._changed(kept, bodies) is not None:
                return None
            self._keep(kept, bodies)
        return view

    def _keep(self, kept: _Kept, bodies: HotView) -> None:
        """Note that the sketches are of `bodies` too, so that nobody compares these once more."""
        if self._lock.acquire(blocking=False):
            try:
                if self._kept is kept and self._changed(kept, bodies) is None:
                    self._kept = _Kept(bodies.layout, bodies.norms)
            finally:
                self._lock.release()

    def saved(self, bodies: HotView) -> list[dict[str, Array]]:
        """Return what `load` takes: of each page of `bodies` that has sketches, these. Quick.

        Nothing of a vector that is another one now, or none. Arrays that are not changed are the
        same objects the next time.
        """
        kept, view = self._kept, self._view  # in this order: a view may be of newer norms
        if view is None or kept is None or not kept.layout is bodies.layout is view.layout:
            return []
        pages: list[dict[str, Array]] = []
        for number, page in enumerate(view.pages[: len(kept.norms)]):
            if not _is_same(kept.norms[number], bodies.norms[number], page.factors.shape[1]):
                break
            pages.append({_SIGNS: page.signs, _FACTORS: page.factors})
        if pages:
            pages[0][_CENTRE] = view.centre
        return pages

    def load(self, bodies: HotView, saved: Sequence[Mapping[str, Array]]) -> None:
        """Begin with what was saved of these bodies instead of with nothing."""
        if not saved or not bodies.vectors or not {_CENTRE, _SIGNS, _FACTORS} <= saved[0].keys():
            return
        centre, row_bytes = saved[0][_CENTRE], sketch_bits(bodies.vectors[0].shape[1]) // 8
        with self._lock:
            pages: list[SketchPage] = []
            for found in saved:
                factors = found[_FACTORS]
                signs = found[_SIGNS].reshape(-1, row_bytes, BLOCK_ROWS)
                check(len(signs) * BLOCK_ROWS == factors.shape[1], "each row has signs and factors")
                pages.append(self._page(self._room(signs), factors))
            self._kept = _Kept(bodies.layout, bodies.norms)
            self._view = SketchView(self, bodies.layout, centre, tuple(pages))

    def step(self, bodies: HotView, kernels: KernelBackend, rows_max: int) -> bool:
        """Sketch at most `rows_max` more slots; return whether there is more to do."""
        if bodies.count < ROWS_MIN or not bodies.vectors:
            return False
        with self._lock:
            self._begin(bodies)
            view = self._view
            reached = 0 if view is None else view.reached
            last = min(bodies.count // BLOCK_ROWS * BLOCK_ROWS, reached + rows_max)
            if last > reached:
                self._add(bodies, kernels, reached, last)
        return self.behind(bodies) > 0

    def _changed(self, kept: _Kept, bodies: HotView) -> int | None:
        """Return a page in which a vector that has a sketch is another one now; None: none is."""
        view = self._view
        if view is None:
            return None
        for number, page in enumerate(view.pages):
            n = page.factors.shape[1]
            before, now = kept.norms[number], bodies.norms[number]
            if not _is_same(before, now, n):
                return number
        return None

    def _begin(self, bodies: HotView) -> None:
        """Keep what still holds of the sketches, and note what they are of."""
        kept, view = self._kept, self._view
        if view is None or kept is None or kept.layout is not bodies.layout:
            self._signs = []
            centre = _centre(bodies)
            self._view = SketchView(self, bodies.layout, centre, ())
        elif kept.norms is not bodies.norms:
            changed = self._changed(kept, bodies)
            if changed is not None:  # from its page on they are made anew; readers keep theirs
                del self._signs[changed:]
                pages = view.pages[:changed]
                self._view = SketchView(self, bodies.layout, view.centre, pages)
        self._kept = _Kept(bodies.layout, bodies.norms)

    def _add(self, bodies: HotView, kernels: KernelBackend, first: int, last: int) -> None:
        view = self._view
        if view is None:
            return
        pages = list(view.pages)
        while first < last:
            number, start = first >> PAGE_SHIFT, first & PAGE_MASK
            end = min(last - first + start, PAGE_ROWS)
            inside = slice(start, end)
            vectors, norms = bodies.vectors[number][inside], bodies.norms[number][inside]
            signs, factors = self._sketched(
                _Rows(kernels, vectors, norms), view.centre, number, start
            )
            if start:
                factors = np.concatenate((pages[number].factors, factors), axis=1)
                pages.pop()
            pages.append(self._page(signs, factors))
            first += end - start
        self._view = SketchView(self, view.layout, view.centre, tuple(pages))

    def _sketched(self, rows: _Rows, centre: F32, number: int, start: int) -> tuple[U8, F32]:
        """Sketch rows that begin at slot `start` of a page; return all its signs, their factors."""
        if len(self._signs) == number:
            self._room(np.empty((0, len(centre) // 8, BLOCK_ROWS), np.uint8))
        blocks, count = self._signs[number], len(rows.norms)
        factors = np.empty((_FACTORS_COUNT, count), np.float32)
        for first in range(0, count, _BLOCK_ROWS):
            last = min(first + _BLOCK_ROWS, count)
            signs, factors[:, first:last] = encode_signs(*rows.turned(first, last), centre)
            blocks[(start + first) // BLOCK_ROWS : (start + last) // BLOCK_ROWS] = signs
        return blocks[: (start + count) // BLOCK_ROWS], factors

    def _room(self, signs: U8) -> U8:
        """Take the signs with which a new page begins; return them as they stand there now."""
        if len(signs) == PAGE_ROWS // BLOCK_ROWS:
            self._signs.append(signs)
            return signs
        # Not touched beyond what is written, so not in RAM either.
        page = np.empty((PAGE_ROWS // BLOCK_ROWS, *signs.shape[1:]), np.uint8)
        page[: len(signs)] = signs
        self._signs.append(page)
        return page[: len(signs)]

    def _page(self, signs: U8, factors: F32) -> SketchPage:
        # Zeros that are never written: the kernel's form asks for second bits, its bounds do not.
        shape = (PAGE_ROWS, signs.shape[1])
        if self._no_magnitudes.shape != shape:
            self._no_magnitudes = np.zeros(shape, np.uint8)
        return SketchPage(signs, self._no_magnitudes[: factors.shape[1]], factors)


def _is_same(before: Array, now: Array, count: int) -> bool:
    """Whether the first `count` norms of a page are what they were, and so are its vectors."""
    return now is before or np.array_equal(before[:count], now[:count], equal_nan=True)


def _centre(bodies: HotView) -> F32:
    """Return float32[D]: the mean of unit rows spread evenly over the bodies, turned."""
    dimensions = bodies.vectors[0].shape[1]
    total, count = np.zeros(dimensions, np.float64), 0
    step = max(1, bodies.count // _SAMPLE_ROWS)
    for number, page in enumerate(bodies.vectors):
        inside = min(bodies.count - (number << PAGE_SHIFT), PAGE_ROWS)
        norms: Array = bodies.norms[number][:inside:step]
        is_there = (norms > 0) & np.isfinite(norms)
        total += norms[is_there].astype(np.float64) @ page[:inside:step][is_there]
        count += int(np.count_nonzero(is_there))
    if not count:
        return np.zeros(sketch_bits(dimensions), np.float32)
    return rotated((total / count).astype(np.float32))
