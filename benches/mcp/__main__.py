"""`python -m benches.mcp`: a recall through `engram mcp` beside the library's, and its start.

The SDK's own client asks a process over its standard streams, as hosts do; what the client takes to
read an answer and to hold it against its schema is part of the figure. The library is asked the
same, in turns, in this process, on a copy of the store.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

import engram
from mcp import Client, StdioServerParameters

_CUES: Final = (
    "who met Babbage in London?",
    "the kettle in the kitchen",
    "what was decided about the release",
    "letters from Concord",
)
_SENTENCES: Final = (
    "Ada met Babbage in London and they spoke about his engine, number {n}.",
    "The blue kettle stands in the kitchen on shelf {n}.",
    "It was decided that release {n} goes out on a Friday.",
    "Letter {n} from Concord tells of the weather and of the harvest.",
)
_console = Console(width=None if sys.stdout.isatty() else 120)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.mcp", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--recalls", type=int, default=400)
    parser.add_argument("--starts", type=int, default=11)
    parser.add_argument("--directory", help="where the stores go; a real disk")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="engram-mcp-", dir=options.directory) as place:
        anyio.run(_measured, Path(place), options)
    return 0


async def _measured(root: Path, options: argparse.Namespace) -> None:
    served, own = root / "served", root / "own"
    await _filled(served, options.memories)
    shutil.copytree(served, own)
    launch = StdioServerParameters(
        command=sys.executable,
        args=["-m", "engram", "mcp", "--data", str(served), "--config", "off"],
        env={**os.environ, "ENGRAM_LOG_LEVEL": "warning"},
    )
    ready, first = await _starts(launch, options.starts)
    tool, library = await _recalls(launch, own, options.recalls)
    beyond = statistics.median(tool) - statistics.median(library)
    table = Table("work", "figure", "must reach", title=f"{options.memories:,} memories")
    table.add_row("from starting it until it has told its tools", f"{ready:.2f} s", "1.5 s")
    table.add_row("from starting it until the first recall", f"{first:.2f} s", "")
    table.add_row("a recall of ten through it", f"p50 {_ms(tool)}", "")
    table.add_row("the same by the library", f"p50 {_ms(library)}", "")
    table.add_row("beyond the library", f"{1e3 * beyond:.1f} ms", "5 ms")
    _console.print(table)


def _ms(seconds: list[float]) -> str:
    p99 = statistics.quantiles(seconds, n=100)[98]
    return f"{1e3 * statistics.median(seconds):.1f} ms, p99 {1e3 * p99:.1f}"


async def _filled(path: Path, count: int) -> None:
    texts = [_SENTENCES[n % len(_SENTENCES)].format(n=n) for n in range(count)]
    async with engram.open(path) as db:
        space = await db.space()
        await space.remember_many(texts)
        await space.wait_linked()
        await space.checkpoint()


async def _starts(launch: StdioServerParameters, count: int) -> tuple[float, float]:
    """Return the medians until tools are told, and until the first recall, in seconds."""
    ready, first = [], []
    for _ in range(count):
        started = time.perf_counter()
        async with Client(launch) as client:
            await client.list_tools()
            ready.append(time.perf_counter() - started)
            await _asked(client, _CUES[0])
            first.append(time.perf_counter() - started)
    return statistics.median(ready), statistics.median(first)


async def _recalls(
    launch: StdioServerParameters, own: Path, count: int
) -> tuple[list[float], list[float]]:
    """Return the seconds of each recall through the server, and by the library, in turns."""
    tool, library = [], []
    async with Client(launch) as client, engram.open(own) as db:
        space = await db.space()
        for turn in range(count + 20):
            cue = _CUES[turn % len(_CUES)]
            begun = time.perf_counter()
            await _asked(client, cue)
            between = time.perf_counter()
            await space.recall(cue)
            ended = time.perf_counter()
            if turn >= 20:  # noqa: PLR2004 - both are warm by then
                tool.append(between - begun)
                library.append(ended - between)
    return tool, library


async def _asked(client: Client, cue: str) -> None:
    result = await client.call_tool("recall", {"query": cue})
    hits = (result.structured_content or {}).get("recollections", ())
    if result.is_error or not hits:
        raise RuntimeError(f"nothing was recalled: {result}")


if __name__ == "__main__":
    sys.exit(main())
