"""Makes the whole operations whose instructions are counted; run under callgrind by `counting`.

    python -m benches.regression.operations LIBRARY reads|writes

Small stores: what a slower disk, a bus or a neighbour takes has no part in a count, and what Python
executes for one operation does not grow with the memories beside it.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import anyio

import engram
from benches.regression.corpus import texts, unit_rows, word
from benches.regression.probe import declare_probe
from engram.kernels.zig_library import load_library
from engram.service.preparing import NewMemory
from engram.settings import Settings

_MEMORIES: Final = 2_000
_CUE_RANKS: Final = (40, 300, 2_000)
_TURNS: Final = 20
_WRITERS: Final = 64
_BATCH: Final = 500
_UNCOUNTED, _TIMES = 3, 7
# What runs in the background would fall into one operation or another.
_QUIET: Final = Settings(linker=False, consolidation=False)
_TEXT: Final = " ".join(["what was said at length about the matter"] * 5)

Operation: TypeAlias = Callable[[int], Awaitable[object]]
# What is counted, and what ends the indexing of words that goes on behind a write.
Operations: TypeAlias = tuple[dict[str, Operation], Callable[[], Awaitable[object]]]

BARE: Final = ("-c", "pass")
STARTS: Final = {"start.import": ("-c", "import engram"), "start.help": ("-m", "engram", "--help")}
"""Commands of which every instruction over those of a bare interpreter counts."""


@asynccontextmanager
async def _reads(place: Path) -> AsyncIterator[Operations]:
    """Recalls where every memory has associations with the turns of its session."""
    rows = unit_rows(_MEMORIES)
    items: list[NewMemory] = [
        {"content": text, "session": str(number // _TURNS)}
        for number, text in enumerate(texts(_MEMORIES))
    ]
    async with engram.open(place, embedder=None, settings=_QUIET) as db:
        space = await db.space("reads")
        ids = (await space.remember_many(items, embeddings=rows)).ids

        def cue(number: int) -> str:
            return " ".join(word(rank + number) for rank in _CUE_RANKS)

        operations: dict[str, Operation] = {
            "get": lambda number: space.get(ids[number]),
            "recall.vector": lambda number: space.recall(embedding=rows[number]),
            "recall.words": lambda number: space.recall(cue(number)),
            "recall.hybrid": lambda number: space.recall(cue(number), embedding=rows[number]),
        }
        yield operations, partial(space.recall, word(1))


@asynccontextmanager
async def _writes(place: Path) -> AsyncIterator[Operations]:
    """Durable writes: a lone one, of many writers at once, of a batch."""
    rows = unit_rows(_MEMORIES)
    async with engram.open(place, embedder=None, settings=_QUIET) as db:
        space, batches = await db.space("writes"), await db.space("batches")

        async def lone(number: int) -> None:
            await space.remember(f"{number} {_TEXT}", embedding=rows[number])

        async def writers(number: int) -> None:
            async with anyio.create_task_group() as tasks:
                for writer in range(_WRITERS):
                    tasks.start_soon(lone, (number + 1) * _WRITERS + writer)

        async def batch(number: int) -> None:
            items = [f"{number} {item} was said about the matter" for item in range(_BATCH)]
            await batches.remember_many(items, embeddings=rows[:_BATCH])

        async def indexed() -> None:
            await space.recall("matter")
            await batches.recall("matter")

        operations: dict[str, Operation] = {
            "remember.lone": lone,
            f"remember.{_WRITERS}_writers": writers,
            f"remember_many.{_BATCH}": batch,
        }
        yield operations, indexed


GROUPS: Final = {"reads": _reads, "writes": _writes}
OPERATIONS: Final = (
    "get",
    "recall.vector",
    "recall.words",
    "recall.hybrid",
    "remember.lone",
    f"remember.{_WRITERS}_writers",
    f"remember_many.{_BATCH}",
)


async def _count(library: Path, group: str) -> None:
    """Make each operation a few times uncounted, then write a profile for every time it is made."""
    probe = load_library(library)
    declare_probe(probe)
    with tempfile.TemporaryDirectory(prefix="engram-counted-") as place:
        async with GROUPS[group](Path(place, "store")) as (operations, indexed):
            gc.collect()
            gc.freeze()
            gc.disable()  # a collection would fall into one operation or another
            for number in range(_UNCOUNTED):
                for operation in operations.values():
                    await operation(number)
            for name, operation in operations.items():
                for number in range(_UNCOUNTED, _UNCOUNTED + _TIMES):
                    await indexed()
                    probe.engram_probe_start()
                    await operation(number)
                    probe.engram_probe_dump(name.encode())
                    probe.engram_probe_stop()


if __name__ == "__main__":
    anyio.run(_count, Path(sys.argv[1]), sys.argv[2])
