from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engram.state.columns import (
    CHUNK_BYTES,
    PAGE_ROWS,
    Arena,
    Interner,
    PagedColumn,
    few_from,
    take,
)

SIZES = st.integers(0, 300) | st.sampled_from([PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 40_000])
STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "raw", "zeros", "staged", "forgone"]), SIZES)
    | st.tuples(st.sampled_from(["set", "view"]), st.integers(0, 1 << 20)),
    max_size=14,
)


# A page was made ahead for rows that never came, then others came that need none.
@example([("append", PAGE_ROWS - 2), ("forgone", 3), ("staged", 1), ("append", 1)], 0)
@given(STEPS, st.sampled_from([0, 1, 2]))
@settings(max_examples=60, deadline=None)
def test_a_column_holds_what_an_array_holds_and_its_views_never_change(
    steps: list[tuple[str, int]], width: int
) -> None:
    shape = (0,) if not width else (0, width)
    column, model = PagedColumn("u4", width), np.zeros(shape, np.uint32)
    views = []
    for number, (what, argument) in enumerate(steps, start=1):
        if what in {"append", "raw"}:
            values = np.full((argument, *shape[1:]), number, np.uint32)
            values.reshape(-1)[::7] = np.arange(len(values.reshape(-1)[::7]))
            if what == "append":
                column.append(values)
            else:
                column.append_raw(values.astype("<u4").tobytes(), argument)
            model = np.concatenate([model, values])
        elif what in {"staged", "forgone"}:
            values = np.full((argument, *shape[1:]), number, np.uint32)
            raw = values.astype("<u4").tobytes()
            column.stage(raw, argument)
            views.append((column.view(), model.copy()))
            if what == "staged":
                column.append_raw(raw, argument)
                model = np.concatenate([model, values])
        elif what == "zeros":
            column.append_zeros(argument)
            model = np.concatenate([model, np.zeros((argument, *shape[1:]), np.uint32)])
        elif what == "view":
            views.append((column.view(), model.copy()))
        elif len(model):
            rows = np.unique(np.array([argument % len(model), 0, len(model) - 1]))
            column.set(rows, number)
            model[rows] = number
    views.append((column.view(), model))
    assert column.count == len(model)
    for pages, expected in views:
        if len(expected):
            assert np.array_equal(take(pages, np.arange(len(expected))), expected)
            backwards = np.arange(len(expected))[::-1]
            assert np.array_equal(take(pages, backwards), expected[::-1])
    for row in {0, len(model) // 2, len(model) - 1} if len(model) else ():
        assert np.array_equal(column.value(row), model[row])


@given(st.lists(st.binary(max_size=50) | st.just(bytes(CHUNK_BYTES // 2 + 1)), max_size=12))
@settings(max_examples=30, deadline=None)
def test_an_arena_gives_back_every_byte_string_across_chunks(strings: list[bytes]) -> None:
    arena = Arena()
    addresses = [arena.append(data) for data in strings]
    for address, data in zip(addresses, strings, strict=True):
        assert arena.read(address, len(data)) == data
    assert arena.resident_bytes == sum(map(len, strings)) == sum(arena.sizes)
    again = Arena()
    again.adopt([np.frombuffer(arena.chunk(n), np.uint8) for n in range(len(arena.sizes))])
    added = again.append(b"added")
    addresses.append(added)
    for address, data in zip(addresses, [*strings, b"added"], strict=True):
        assert again.read(address, len(data)) == data


@given(st.lists(st.text(max_size=3)))
def test_equal_labels_have_one_number_and_none_has_zero(labels: list[str]) -> None:
    interner = Interner()
    numbers = [interner.intern(label) for label in labels]
    assert [interner.labels[number] for number in numbers] == labels
    assert len(set(numbers)) == len(set(labels))
    assert 0 not in numbers


@given(st.integers(0, 2 * PAGE_ROWS - 1), st.integers(0, 255))
@settings(deadline=None)
def test_a_few_values_in_a_row_are_read_across_pages(start: int, count: int) -> None:
    column = PagedColumn("u4")
    column.append(np.arange(2 * PAGE_ROWS, dtype=np.uint32))
    wanted = range(start, min(start + count, 2 * PAGE_ROWS))
    assert few_from(column.view(), start, len(wanted)) == list(wanted)
