"""The same question to what one would build by hand: usearch for vectors, SQLite for words.

Both give a hundred candidates, which are joined by the same convex combination; the best ten are
read from the table. Nothing like associations, forgetting or confidence is in it.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benches.recall.workload import LIMIT

if TYPE_CHECKING:
    from benches.recall.workload import Asked, Workload

_CANDIDATES: Final = 100
_SIMILARITY, _LEXICAL = 0.4, 0.6


class Peer:
    """An HNSW index and a table with its full text index, all in RAM."""

    def __init__(self, workload: Workload) -> None:
        """Build both; ImportError where usearch is not installed."""
        from usearch.index import Index  # noqa: PLC0415 - a peer

        self._index: Any = Index(ndim=workload.vectors.shape[1], metric="cos", dtype="f32")
        self._index.add(np.arange(len(workload.vectors)), workload.vectors)
        self._table = sqlite3.connect(":memory:")
        self._table.execute("CREATE TABLE memory (id INTEGER PRIMARY KEY, content TEXT, tags TEXT)")
        self._table.execute("CREATE VIRTUAL TABLE words USING fts5(content, content=memory)")
        rows = [
            (number, item["content"], " ".join(item["tags"]))
            for number, item in enumerate(workload.items)
        ]
        self._table.executemany("INSERT INTO memory VALUES (?, ?, ?)", rows)
        self._table.execute("INSERT INTO words (words) VALUES ('rebuild')")

    def nearest(self, cue: Asked) -> set[int]:
        """Return the ten rows nearest to a cue's vector, as the index finds them."""
        return set(self._index.search(cue.vector, LIMIT).keys.tolist())

    def recall(self, cue: Asked) -> list[tuple[int, str, str]]:
        """Return the ten rows that words and meaning together like best."""
        found = self._index.search(cue.vector, _CANDIDATES)
        cosines = dict(zip(found.keys.tolist(), (1 - found.distances).tolist(), strict=True))
        query = " OR ".join(cue.text.split())
        by_words = self._table.execute(
            "SELECT rowid, -bm25(words) FROM words WHERE words MATCH ? "
            "ORDER BY bm25(words) LIMIT ?",
            (query, _CANDIDATES),
        )
        lexical = dict(by_words.fetchall())
        high = max(cosines.values(), default=1), max(lexical.values(), default=1)
        scores = {
            row: _SIMILARITY * cosines.get(row, 0) / high[0]
            + _LEXICAL * lexical.get(row, 0) / high[1]
            for row in cosines.keys() | lexical.keys()
        }
        best = sorted(scores, key=lambda row: -scores[row])[:LIMIT]
        places = ", ".join("?" * len(best))
        question = f"SELECT id, content, tags FROM memory WHERE id IN ({places})"  # noqa: S608 - only ?
        return self._table.execute(question, best).fetchall()
