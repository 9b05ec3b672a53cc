"""The offline default: a weighted mean of token vectors distilled from all-MiniLM-L6-v2.

Alone it is weaker than the model it came from; it is made to be fused with words. It costs
microseconds a text, needs no model at run time, and gives the same bits whatever the batch.
"""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Iterator, Sequence
from hashlib import blake2b, shake_256
from importlib.resources import files
from typing import Final

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from engram.adapters.embedders.features import BUCKET_COUNT, FeatureReader, Features
from engram.model.errors import EmbedderUnavailable

DIMENSIONS: Final = 256
IDENTITY: Final = "static-minilm-l6-v2-256@1"
"""Changes with the table and with how text is read; the tests pin vectors made under it."""

TABLE_DIGEST: Final = "f808ee1cec6630dc83364f7ed2b6b29f2e3257c85b8c9049f1d041f7914d8b6b"
"""blake2b-256 of `token_table.npz`, checked when it is loaded (4 ms)."""

INLINE_CHARACTERS_MAX: Final = 600
"""Texts up to this size together are embedded on the spot (~100 us); more go to a thread."""

CHUNK_TEXTS_MAX: Final = 256
CHUNK_CHARACTERS_MAX: Final = 65_536
"""One hop to a thread carries at most this (~10 ms), so cancelling does not wait for the rest."""

ROWS_APART_MAX: Final = 4096
"""A text with more rows has equal ones joined first."""

_SIGNS_SEED: Final = b"engram n-gram signs 1"


class StaticEmbedder:
    """Embedder over the token table inside the package; offline, no key, deterministic.

    A text without any content (empty, white space) gets one fixed unit row of its own. The table
    (5.8 MB on disk, 10 MB resident) is loaded by the first call of any instance, in a thread.
    """

    @property
    def identity(self) -> str:
        """Name and revision of the table and the reading of text."""
        return IDENTITY

    @property
    def dimensions(self) -> int:
        """256."""
        return DIMENSIONS

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[len(texts), 256] unit rows, the same bits whatever the batch.

        Raises:
            EmbedderUnavailable: the table of this installation is missing or damaged.
        """
        if not texts:
            return np.empty((0, DIMENSIONS), np.float32)
        table = _loaded.get()
        if table is None:
            table = await to_thread.run_sync(_loaded.load)
        if sum(map(len, texts)) <= INLINE_CHARACTERS_MAX:
            return table.embed(texts)
        return np.concatenate(
            [await to_thread.run_sync(table.embed, chunk) for chunk in _chunks(texts)]
        )


class TokenTable:
    """The loaded table: `rows` int8[n, 256], `scales` float32[n] (SIF weight and int8 step)."""

    def __init__(self, rows: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        bits = np.frombuffer(shake_256(_SIGNS_SEED).digest(BUCKET_COUNT * DIMENSIONS // 8), "u1")
        signs = np.unpackbits(bits).reshape(BUCKET_COUNT, DIMENSIONS).astype(np.int8) * 2 - 1
        unit = np.full(BUCKET_COUNT, DIMENSIONS**-0.5, np.float32)
        self._rows = np.concatenate([rows, signs])
        self._scales = np.concatenate([scales, unit])
        self._reader = FeatureReader()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[len(texts), 256] unit rows; at least one text."""
        found = [self._bounded(self._reader.read(text)) for text in texts]
        rows = np.fromiter(itertools.chain.from_iterable(rows for rows, _ in found), np.int32)
        shares = np.fromiter(itertools.chain.from_iterable(s for _, s in found), np.float32)
        counts = np.fromiter((len(rows) for rows, _ in found), np.int64, len(found))
        weights = shares * self._scales[rows]
        weighted = self._rows[rows] * weights[:, None]
        vectors = np.add.reduceat(weighted, np.cumsum(counts) - counts, axis=0)
        # Lengths are taken in float64, so that rows are of unit length to the last bit of float32.
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        unit: NDArray[np.float32] = (vectors / lengths[:, None]).astype(np.float32)
        return unit

    def _bounded(self, features: Features) -> Features:
        """Join equal rows of a long text, so that 100 KB take a few MB on the way, not 300."""
        rows, shares = features
        if len(rows) <= ROWS_APART_MAX:
            return features
        totals = np.bincount(rows, weights=shares, minlength=0)
        distinct = np.flatnonzero(totals)
        return tuple(distinct.tolist()), tuple(totals[distinct].tolist())


class _LoadedTable:
    """Loads the table once for the process, whichever thread comes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._table: TokenTable | None = None

    def get(self) -> TokenTable | None:
        return self._table

    def load(self) -> TokenTable:
        with self._lock:
            if self._table is None:
                self._table = TokenTable(*read_table())
            return self._table


_loaded: Final = _LoadedTable()


def read_table() -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return rows and scales of the package's table after checking its digest.

    Raises:
        EmbedderUnavailable: the file is missing or is not the one this release was made with.
    """
    remedy = "reinstall with `pip install --force-reinstall engram-memory-engine`"
    try:
        stored = (files(__package__) / "token_table.npz").read_bytes()
    except OSError as error:
        reason = f"its table cannot be read ({error.strerror}); {remedy}"
        raise EmbedderUnavailable(IDENTITY, reason) from error
    if blake2b(stored, digest_size=32).hexdigest() != TABLE_DIGEST:
        raise EmbedderUnavailable(IDENTITY, f"its table is damaged; {remedy}")
    with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
        return arrays["rows"], arrays["scales"]


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start = characters = 0
    for position, text in enumerate(texts):
        full = position - start >= CHUNK_TEXTS_MAX or characters >= CHUNK_CHARACTERS_MAX
        if full:
            yield texts[start:position]
            start, characters = position, 0
        characters += len(text)
    yield texts[start:]
