from __future__ import annotations

import threading
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.state.columns import PagedColumn
from engram.state.key_index import KeyIndex

# Keys that meet in one slot of a small table, and keys that do not.
KEYS = st.integers(0, 7).map(lambda n: n << 40 | 5) | st.integers(0, (1 << 64) - 1)
STEPS = st.lists(
    st.tuples(st.just("add"), KEYS)
    | st.tuples(st.just("remove"), st.integers(0, 200))
    | st.tuples(st.just("many"), st.lists(KEYS, max_size=400)),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_the_index_finds_what_a_dictionary_of_sets_finds(steps: list[tuple[str, Any]]) -> None:
    column, known = PagedColumn("u8"), dict[int, set[int]]()
    index, stored = KeyIndex(column), list[int]()
    for what, argument in steps:
        if what == "remove" and stored:
            row = argument % len(stored)
            index.remove(stored[row], row)
            known[stored[row]].discard(row)
            continue
        if what == "remove":
            continue
        keys = argument if isinstance(argument, list) else [argument]
        raw = np.array(keys, np.uint64)
        rows = np.arange(len(stored), len(stored) + len(keys), dtype=np.uint32)
        column.append(raw)
        if what == "add":
            index.add(keys[0], int(rows[0]))
        elif len(keys) % 2:
            index.add_run(keys, len(stored))
        else:
            index.add_many(raw, rows)
        stored += keys
        for key, row in zip(keys, rows.tolist(), strict=True):
            known.setdefault(key, set()).add(row)
    for key, expected in known.items():
        assert set(index.find(key)) == expected
    asked = np.array([*known, 1, 2, 3], np.uint64)
    for key, row in zip(asked.tolist(), index.find_many(asked).tolist(), strict=True):
        there = known.get(key, set())
        assert row in there if there else row == -1
        assert index.has_any([key]) == bool(there)


def test_a_reader_on_another_thread_finds_what_was_there_while_the_table_grows() -> None:
    random = np.random.default_rng(7)
    keys = random.integers(0, 1 << 64, 120_000, np.uint64)
    column = PagedColumn("u8")
    index = KeyIndex(column)
    column.append(keys[:100])
    index.add_many(keys[:100], np.arange(100, dtype=np.uint32))
    lost: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            lost.extend(row for row in range(100) if row not in set(index.find(int(keys[row]))))

    reader = threading.Thread(target=read)
    reader.start()
    for first in range(100, len(keys), 997):
        part = keys[first : first + 997]
        column.append(part)
        index.add_many(part, np.arange(first, first + len(part), dtype=np.uint32))
    done.set()
    reader.join()
    assert lost == []
    assert (index.find_many(keys) == np.arange(len(keys))).all()


def test_keys_that_are_placed_in_several_parts_are_all_found_after_the_table_grew() -> None:
    keys = np.random.default_rng(8).integers(0, 1 << 64, 200_000, np.uint64)
    column = PagedColumn("u8")
    index = KeyIndex(column)
    column.append(keys)
    index.add_many(keys[:150_000], np.arange(150_000, dtype=np.uint32))
    index.add_many(keys[150_000:], np.arange(150_000, len(keys), dtype=np.uint32))
    assert (index.find_many(keys) == np.arange(len(keys))).all()
