from __future__ import annotations

import numpy as np

from engram.kernels.words.columns import flagged
from engram.retrieval.postings import (
    SMALL_SEGMENT_POSTINGS,
    TERM_FREQUENCY_MAX,
    Segment,
    append,
    build,
    merge,
)


def segment(*pairs: tuple[int, int]) -> Segment:
    return build(
        np.array([term for term, _ in pairs], np.uint32),
        np.array([row for _, row in pairs], np.uint32),
    )


def as_dict(found: Segment) -> dict[int, list[tuple[int, int]]]:
    return {
        int(term): list(
            zip(found.rows[begin:end].tolist(), found.tfs[begin:end].tolist(), strict=True)
        )
        for term, begin, end in zip(found.terms, found.offsets[:-1], found.offsets[1:], strict=True)
    }


def test_build_counts_repeats_and_sorts() -> None:
    found = segment((7, 2), (3, 1), (7, 2), (7, 0))
    assert as_dict(found) == {3: [(1, 1)], 7: [(0, 1), (2, 2)]}
    assert [column.dtype.name for column in found] == ["uint32", "int64", "uint32", "uint16"]


def test_build_of_nothing_is_empty() -> None:
    assert as_dict(segment()) == {}


def test_build_holds_large_counts_at_the_bound() -> None:
    count = TERM_FREQUENCY_MAX + 5
    found = build(np.zeros(count, np.uint32), np.zeros(count, np.uint32))
    assert as_dict(found) == {0: [(0, TERM_FREQUENCY_MAX)]}


def test_merge_joins_terms_and_keeps_rows_ascending() -> None:
    merged = merge([segment((1, 0), (2, 0)), segment((2, 5), (9, 4), (2, 4))])
    assert as_dict(merged) == {1: [(0, 1)], 2: [(0, 1), (4, 1), (5, 1)], 9: [(4, 1)]}


def test_merge_does_not_change_what_it_merges() -> None:
    older, newer = segment((1, 0)), segment((1, 1))
    merge([older, newer])
    assert (as_dict(older), as_dict(newer)) == ({1: [(0, 1)]}, {1: [(1, 1)]})


def test_append_keeps_a_large_segment_before_a_small_one() -> None:
    large = build(
        np.arange(SMALL_SEGMENT_POSTINGS + 1, dtype=np.uint32),
        np.zeros(SMALL_SEGMENT_POSTINGS + 1, np.uint32),
    )
    segments = append((large,), segment((1, 1)))
    assert [s.rows.size for s in segments] == [large.rows.size, 1]
    segments = append(segments, segment((1, 2)))
    assert [s.rows.size for s in segments] == [large.rows.size, 2]


def test_segments_stay_few() -> None:
    segments: tuple[Segment, ...] = ()
    size = SMALL_SEGMENT_POSTINGS + 1
    for row in range(40):
        batch = build(np.arange(size, dtype=np.uint32), np.full(size, row, np.uint32))
        segments = append(segments, batch)
    assert sum(s.rows.size for s in segments) == 40 * size
    assert len(segments) <= 6


def test_flags_beyond_their_column_are_unset() -> None:
    rows = np.array([0, 1, 7], np.uint32)
    assert flagged(np.array([False, True]), rows).tolist() == [False, True, False]
