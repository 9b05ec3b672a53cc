"""Recall over 100,000 memories, and opening them again from the log alone."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from time import perf_counter_ns

import google_crc32c
import numpy as np

import engram
from benches.regression.corpus import texts, unit_rows, word
from benches.regression.figures import Figure, Limit
from benches.regression.pairs import Timed, paired

_MEMORIES = 100_000
# The candidates recall asks the kernel for when ten results are wanted.
_CANDIDATES = 100
_CUE_RANKS = (40, 300, 2_000)


async def measure(directory: Path, *, quick: bool) -> list[Figure]:
    """Return the figures of the read path and of opening."""
    memories = _MEMORIES // 5 if quick else _MEMORIES
    rows = unit_rows(memories)
    figures = []
    async with engram.open(directory / "store", embedder=None) as db:
        space = await db.space("reads")
        await space.remember_many(texts(memories), embeddings=rows)
        await space.recall(word(1))
        inv_norms = db.kernels.normalize_f32(rows)
        queries = count()

        async def kernel() -> int:
            query = rows[next(queries) % memories]
            started = perf_counter_ns()
            db.kernels.top_k_f32(query, rows, _CANDIDATES, inv_norms=inv_norms)
            return perf_counter_ns() - started

        for name, words, vector in (
            ("recall.vector", False, True),
            ("recall.words", True, False),
            ("recall.hybrid", True, True),
        ):
            rounds = 20 if quick else 100
            subject = _recall(space, rows, words=words, vector=vector)
            pairs = await paired(rounds, subject, kernel)
            bound = 1.15 * pairs.floor_us + 150
            limit = Limit("us, p50, against 1.15 x kernel + 150", pairs.subject_us, bound)
            limits = (limit,) if name == "recall.vector" else ()
            figures.append(pairs.figure(name, "the vector kernel over one matrix", limits=limits))
    figures.append(await _opening(directory / "store", memories, 2 if quick else 5))
    return figures


def _recall(space: engram.Space, rows: np.ndarray, *, words: bool, vector: bool) -> Timed:
    queries = count()

    async def subject() -> int:
        number = next(queries)
        cue = " ".join(word(rank + number) for rank in _CUE_RANKS) if words else None
        embedding = rows[number % len(rows)] if vector else None
        started = perf_counter_ns()
        await space.recall(cue, embedding=embedding)
        return perf_counter_ns() - started

    return subject


async def _opening(store: Path, memories: int, rounds: int) -> Figure:
    first_words: list[int] = []
    log = sorted((store / "reads" / "wal").iterdir())

    async def subject() -> int:
        started = perf_counter_ns()
        async with engram.open(store, embedder=None) as db:
            space = await db.space("reads")
            if (await space.stats()).memories != memories:
                raise RuntimeError("the log did not give back every memory")
            opened = perf_counter_ns() - started
            await space.recall(word(1))
            first_words.append(perf_counter_ns() - started)
        return opened

    async def floor() -> int:
        started = perf_counter_ns()
        for segment in log:
            google_crc32c.value(segment.read_bytes())
        return perf_counter_ns() - started

    pairs = await paired(rounds, subject, floor)
    seconds = pairs.subject_us / 1e6
    return pairs.figure(
        "open.replay",
        "the log's bytes read and their CRC computed",
        extras={"memories": memories, "first_word_recall_ms": min(first_words) / 1e6},
        limits=(Limit("s to open 100,000 memories", seconds * _MEMORIES / memories, 3.0),),
    )
