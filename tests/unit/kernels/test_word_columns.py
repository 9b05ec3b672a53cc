"""The columns of a word index are checked once, when they are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engram.kernels.words.columns import WordColumns
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from engram.kernels.words.columns import SegmentColumns


def segment(**changed: object) -> SegmentColumns:
    parts: dict[str, Any] = {
        "terms": np.array([0, 2], np.uint32),
        "offsets": np.array([0, 2, 3]),
        "rows": np.array([0, 1, 1], np.uint32),
        "tfs": np.array([1, 1, 2], np.uint16),
    }
    parts |= changed
    return parts["terms"], parts["offsets"], parts["rows"], parts["tfs"]


def columns(**changed: Any) -> WordColumns:
    arguments: dict[str, Any] = {
        "segments": [segment()],
        "lengths": np.array([1, 3], np.uint32),
        "dead": None,
        "dead_df": np.zeros(0, np.uint32),
        "texts_count": 2,
        "words_count": 4,
        "k1": 0.9,
        "b": 0.4,
    }
    arguments |= changed
    return WordColumns(arguments.pop("segments"), arguments.pop("lengths"), **arguments)


def test_slices_are_the_postings_of_each_term_segment_by_segment() -> None:
    both = columns(segments=[segment(), segment(rows=np.array([5, 6, 9], np.uint32))])
    found = both.slices([2, 1, 0])
    assert [[rows.tolist() for rows, _ in slices] for slices in found] == [
        [[1], [9]],
        [],
        [[0, 1], [5, 6]],
    ]
    assert [tfs.tolist() for _, tfs in found[0]] == [[2], [2]]


def test_df_leaves_out_the_dead() -> None:
    some = columns(dead_df=np.array([1], np.uint32))
    zero, two = some.slices([0, 2])
    assert (some.df(0, zero), some.df(2, two)) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"lengths": np.zeros(2, np.int64)}, "lengths must be a C-contiguous column of uint32"),
        ({"lengths": [1, 3]}, "lengths must be a numpy array, not list"),
        ({"dead": np.zeros(2, np.uint8)}, "dead must be a C-contiguous column of bool"),
        ({"dead": np.zeros(3, np.bool_)}, "2 lengths and 3 dead flags"),
        ({"dead_df": np.zeros((1, 1), np.uint32)}, "dead_df must be a C-contiguous column"),
        ({"segments": [segment(rows=np.arange(6, dtype=np.uint32)[::2])]}, r"segments\[0\].rows"),
        ({"segments": [segment(offsets=np.array([0, 3]))]}, "2 terms and 2 offsets"),
        ({"segments": [segment(tfs=np.ones(2, np.uint16))]}, "3 rows and 2 tfs"),
        ({"k1": float("nan")}, "k1 is nan"),
        ({"b": 1.5}, "b is 1.5"),
        ({"words_count": 1}, "2 texts cannot have 1 words"),
    ],
)
def test_a_mistake_is_refused_in_a_sentence(changed: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        columns(**changed)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(InvalidRequest, match=r"k1 is -1.*b is 2"):
        columns(k1=-1, b=2)
