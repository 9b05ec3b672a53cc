"""The best texts for a cue by BM25, exact, over 100,000 texts of 40 words."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benches.peers.cases import Call, Case
from benches.regression.corpus import texts, word
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.retrieval.lexical import WordIndex
from engram.retrieval.word_view import WordView

_TEXTS: Final = 100_000
_TEXTS_AT_ONCE: Final = 2_048
_K: Final = 10
# The ranks of a cue's words by frequency, and the goal against the fastest peer.
_CUES: Final = (
    ("frequent + medium + rare", (0, 100, 1_000), 2.5),
    ("three medium", (100, 101, 102), 1.25),
    ("ten words", (3, 8, 20, 50, 100, 200, 400, 800, 1_500, 3_000), 2.0),
    ("the most frequent", (0,), 2.5),
)


def cases(only: str = "") -> Iterator[Case]:
    """Yield a case a cue; all search the same texts by the same words, unstemmed."""
    named = [(f"bm25 top-{_K}, {name}", ranks, goal) for name, ranks, goal in _CUES]
    if not any(only in name for name, _, _ in named):
        return
    corpus = texts(_TEXTS)
    view, zig = _view(corpus), ZigBackend()
    tantivy, matrix, bm25s = _Tantivy(corpus), _Sparse(view), _Bm25s(corpus)
    for name, ranks, goal in named:
        if only not in name:
            continue
        cue = " ".join(map(word, ranks))
        yield Case(
            name,
            functools.partial(_search, zig, view, cue),
            {
                "numpy": functools.partial(_search, NumpyBackend(), view, cue),
                "tantivy": functools.partial(tantivy.search, cue),
                "bm25s": functools.partial(bm25s.search, cue.split()),
                "scipy + numpy": matrix.searcher(view.asked(cue).terms),
            },
            goal,
        )


def _view(corpus: list[str]) -> WordView:
    index = WordIndex("none")
    for begin in range(0, len(corpus), _TEXTS_AT_ONCE):
        index.add(begin, corpus[begin : begin + _TEXTS_AT_ONCE])
    return index.snapshot()


def _search(kernels: ZigBackend | NumpyBackend, view: WordView, cue: str) -> object:
    return view.top_k(kernels, view.asked(cue), _K)


class _Tantivy:
    """An index of one segment in RAM, words parted by spaces, counts without positions."""

    def __init__(self, corpus: list[str]) -> None:
        import tantivy  # noqa: PLC0415 - a peer

        schema = tantivy.SchemaBuilder()
        schema.add_text_field("body", tokenizer_name="whitespace", index_option="freq")
        self._index: Any = tantivy.Index(schema.build())
        writer = self._index.writer(200_000_000, 1)
        for text in corpus:
            writer.add_document(tantivy.Document(body=text))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher: Any = self._index.searcher()

    def search(self, cue: str) -> object:
        query = self._index.parse_query(cue, ["body"])
        return self._searcher.search(query, _K, count=False).hits


class _Bm25s:
    """Scores computed beforehand in a sparse matrix, for an index that never changes."""

    def __init__(self, corpus: list[str]) -> None:
        import bm25s  # noqa: PLC0415 - a peer

        self._index: Any = bm25s.BM25()
        self._index.index([text.split() for text in corpus], show_progress=False)

    def search(self, words: list[str]) -> object:
        return self._index.retrieve([words], k=_K, show_progress=False, n_threads=0)


class _Sparse:
    """The same by hand: a product of sparse rows, and a partition of all texts."""

    def __init__(self, view: WordView) -> None:
        from scipy.sparse import csr_matrix  # noqa: PLC0415 - a peer

        columns = view.columns
        scores, rows, offsets = [], [], [0]
        for term, slices in enumerate(columns.slices(range(len(view.terms)))):
            df = columns.df(term, slices)
            idf = np.log1p((columns.texts_count - df + 0.5) / (df + 0.5))
            for term_rows, tfs in slices:
                norm = (
                    1
                    - columns.b
                    + columns.b * columns.lengths[term_rows] / (columns.average_length)
                )
                scores.append(idf * (columns.k1 + 1) * tfs / (tfs + columns.k1 * norm))
                rows.append(term_rows)
            offsets.append(offsets[-1] + sum(term_rows.size for term_rows, _ in slices))
        parts = (np.concatenate(scores).astype(np.float32), np.concatenate(rows), offsets)
        self._matrix: Any = csr_matrix(parts, (len(view.terms), view.row_count))

    def searcher(self, terms: NDArray[np.uint32]) -> Call:
        def search() -> object:
            sums = np.asarray(self._matrix[terms].sum(axis=0))[0]
            best = np.argpartition(sums, -_K)[-_K:]
            return sums[best], best

        return search
