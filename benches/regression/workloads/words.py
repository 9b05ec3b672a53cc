"""Workloads over postings of words."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from benches.regression.corpus import texts, word
from benches.regression.workloads.workload import Call, Workload
from engram.retrieval.lexical import WordIndex
from engram.retrieval.word_view import AskedWords, WordView

_TEXTS = 2_000
_CUE_RANKS = (2, 40, 300)
_POSTING_BYTES = 6
_SCORED = 400
POSTINGS: Final = 1_619
"""Of the words of the cue, in all texts."""


@cache
def searched() -> tuple[WordView, AskedWords]:
    """Return the index of the corpus, and a cue of a frequent, a middling and a rare word."""
    index = WordIndex()
    index.add(0, texts(_TEXTS))
    view = index.snapshot()
    return view, view.asked(" ".join(map(word, _CUE_RANKS)))


def _top_k() -> Call:
    view, asked = searched()
    return lambda kernels: kernels.bm25_top_k(view.columns, asked.terms, asked.repeats, 10)


def _scores() -> Call:
    view, asked = searched()
    rows = np.random.default_rng(7).choice(_TEXTS, _SCORED, replace=False).astype(np.uint32)
    return lambda kernels: kernels.bm25_scores(view.columns, asked.terms, asked.repeats, rows)


# Early termination reads less than every posting; the bytes are those of all of them.
WORKLOADS: Final = (
    Workload(f"bm25_top_k.{_TEXTS}x40", _top_k, POSTINGS * _POSTING_BYTES, 0),
    Workload(f"bm25_scores.{_SCORED}", _scores, _SCORED * 4, 0),
)
