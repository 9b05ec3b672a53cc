"""The masks of living rows are kept by page, and are those that are made anew."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.model.commands import Erase, Forget
from engram.model.cue import NO_FILTERS, Filters
from engram.model.ids import MemoryId
from engram.retrieval.filters import RowMasker, RowMasks, rows_passing
from engram.state.apply import apply
from engram.state.columns import PAGE_ROWS
from engram.state.decide import decide
from engram.state.space import HAS_VECTOR, SpaceState, View
from engram.testing.filling import batch_of, fill

NOW = 1_700_000_000_000_000_000


def filled(count: int) -> SpaceState:
    state = SpaceState()
    fill(state, batch_of(count, 2, text_bytes=24))
    return state


def end(state: SpaceState, row: int, *, erase: bool = False) -> None:
    """Forget or erase the memory in a row."""
    high, low = (
        int(state.view().gather(f"id_{half}", np.array([row]))[0]) for half in ("high", "low")
    )
    identity = MemoryId(high, low)
    command = Erase((identity,)) if erase else Forget(identity)
    for event, vectors in decide(state, "s", [command], 2).events:
        apply(state, event, vectors, state.lsn + 1)


def check_masks(masks: RowMasks, view: View, filters: Filters = NO_FILTERS) -> None:
    """Compare masks with what every row says of itself."""
    passing = rows_passing(view, filters, NOW)
    has_vector = (view.gather("flags", np.arange(view.count)) & HAS_VECTOR) != 0
    for mask, meant in ((masks.words, passing), (masks.vectors, passing & has_vector)):
        if mask is None:
            assert meant.all()
        else:
            assert np.array_equal(mask, np.packbits(meant, bitorder="little"))
    assert masks.rows == view.count
    assert masks.candidates == np.count_nonzero(passing)


def test_all_rows_of_a_space_without_a_past_need_no_mask() -> None:
    assert RowMasker()(filled(9).view(), NO_FILTERS, NOW) == RowMasks(None, None, 9, 9)


def test_masks_are_kept_until_a_row_changes() -> None:
    state, masker = filled(PAGE_ROWS + 70), RowMasker()
    end(state, 5)
    before = masker(state.view(), NO_FILTERS, NOW)
    check_masks(before, state.view())
    assert masker(state.view(), NO_FILTERS, NOW) is before
    end(state, PAGE_ROWS + 3)
    after = masker(state.view(), NO_FILTERS, NOW)
    check_masks(after, state.view())
    assert before.candidates == after.candidates + 1


@settings(deadline=None)
@given(steps=st.lists(st.integers(0, 60), max_size=30))
def test_masks_follow_the_view_whatever_happened(steps: list[int]) -> None:
    """Old views are asked about as well as new ones."""
    state, masker, views = filled(20), RowMasker(), []
    for seed, step in enumerate(steps, 1):
        if step < 20:
            end(state, step, erase=bool(seed % 3))
        elif step < 50:
            fill(state, batch_of(step - 19, 2, seed, text_bytes=24))
        views.append(state.view())
        for view in views[-3:]:
            check_masks(masker(view, NO_FILTERS, NOW), view)


def test_filters_and_what_was_known_are_judged_each_time() -> None:
    state, masker = filled(100), RowMasker()
    end(state, 5)
    view = state.view()
    recorded = int(view.gather("recorded_at", np.array([40]))[0])
    for filters in (
        Filters(recorded_before=recorded),
        Filters(as_of=recorded),
        Filters(kinds=(9,)),
    ):
        check_masks(masker(view, filters, NOW), view, filters)
    check_masks(masker(view, NO_FILTERS, NOW), view)


def test_an_empty_space_has_empty_masks() -> None:
    view = SpaceState().view()
    assert RowMasker()(view, NO_FILTERS, NOW).candidates == 0
    masks = RowMasker()(view, Filters(kinds=(1,)), NOW)
    assert (masks.candidates, masks.rows) == (0, 0)
