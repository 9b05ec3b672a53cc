"""Recall over 100,000 memories, and opening them again from the snapshot of the last closing."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np
from blake3 import blake3

import engram
from benches.regression.corpus import texts, unit_rows, word
from benches.regression.figures import Figure, Limit
from benches.regression.pairs import Stopwatch, Timed, Took, paired
from benches.regression.workloads.words import searched
from engram.service.preparing import NewMemory

_MEMORIES = 100_000
# The candidates recall asks the kernel for when ten results are wanted.
_CANDIDATES = 100
_CUE_RANKS = (40, 300, 2_000)
_WORD_CALLS = 50
# Turns of a session, and tags of a memory, each of which five memories share.
_TURNS, _TAGS = 20, 4
_FLOORS = ("50 calls of the word kernel over 2,000 texts", "the vector kernel over one matrix")


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

        async def kernel() -> Took:
            query = rows[next(queries) % memories]
            watch = Stopwatch()
            db.kernels.top_k_f32(query, rows, _CANDIDATES, inv_norms=inv_norms)
            return watch.took()

        view, asked = searched()

        async def word_kernel() -> Took:
            watch = Stopwatch()
            for _ in range(_WORD_CALLS):
                db.kernels.bm25_top_k(view.columns, asked.terms, asked.repeats, _CANDIDATES)
            return watch.took()

        for name, floor in (
            ("recall.vector", kernel),
            ("recall.words", word_kernel),
            ("recall.hybrid", kernel),
        ):
            rounds = 20 if quick else 100
            subject = _recall(space, rows, name)
            pairs = await paired(rounds, subject, floor)
            bound = 1.15 * pairs.floor_us + 150
            limit = Limit("us, p50, against 1.15 x kernel + 150", pairs.subject_us, bound)
            limits = (limit,) if name == "recall.vector" else ()
            figures.append(pairs.figure(name, _FLOORS[floor is kernel], limits=limits))
        figures.append(await _associated(db, rows, word_kernel, 20 if quick else 100))
    figures.append(await _opening(directory / "store", memories, 2 if quick else 5))
    return figures


async def _associated(db: engram.Engram, rows: np.ndarray, floor: Timed, rounds: int) -> Figure:
    """Return what recall takes where a memory has ten associations: two turns and four tags."""
    space = await db.space("associated")
    tags = np.random.default_rng(7).integers(0, len(rows) // 5, (len(rows), _TAGS)).tolist()
    items: list[NewMemory] = [
        {"content": text, "session": str(number // _TURNS), "tags": [f"t{tag}" for tag in own]}
        for number, (text, own) in enumerate(zip(texts(len(rows)), tags, strict=True))
    ]
    await space.remember_many(items, embeddings=rows)
    await space.recall(word(1), embedding=rows[0])
    pairs = await paired(rounds, _recall(space, rows, "recall.associated"), floor)
    return pairs.figure("recall.associated", _FLOORS[False])


def _recall(space: engram.Space, rows: np.ndarray, name: str) -> Timed:
    queries = count()
    words, vector = name != "recall.vector", name != "recall.words"

    async def subject() -> Took:
        number = next(queries)
        cue = " ".join(word(rank + number) for rank in _CUE_RANKS) if words else None
        embedding = rows[number % len(rows)] if vector else None
        watch = Stopwatch()
        await space.recall(cue, embedding=embedding)
        return watch.took()

    return subject


async def _opening(store: Path, memories: int, rounds: int) -> Figure:
    first_words: list[int] = []
    snapshot = sorted((store / "reads" / "hot").iterdir())

    async def subject() -> Took:
        watch = Stopwatch()
        async with engram.open(store, embedder=None) as db:
            space = await db.space("reads")
            if (await space.stats()).memories != memories:
                raise RuntimeError("the store did not give back every memory")
            opened = watch.took()
            if not first_words:  # it indexes every text: once, in the round that goes unseen
                await space.recall(word(1))
                first_words.append(watch.took().clock_ns)
        return opened

    async def floor() -> Took:
        watch = Stopwatch()
        held = [part.read_bytes() for part in snapshot]  # as much fresh memory as an opening takes
        for part in held:
            blake3(part).digest()
        return watch.took()

    pairs = await paired(rounds, subject, floor)
    seconds = pairs.subject_us / 1e6
    return pairs.figure(
        "open.snapshot",
        "the snapshot's bytes read and hashed",
        extras={"memories": memories, "first_word_recall_ms": first_words[0] / 1e6},
        limits=(Limit("s to open 100,000 memories", seconds * _MEMORIES / memories, 3.0),),
    )
