"""`python -m benches.grpc`: calls a second beside a bare echo of the same sizes, and the library.

Two servers run in processes of their own and are asked in turns by the same callers of this
process, round after round; the table has the medians and, of each round, the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import engram
import grpc
import grpc.aio
from engram.v1 import engram_pb2 as wire
from engram.v1.engram_pb2_grpc import EngramStub

_DIMENSIONS: Final = 384
_TEXT: Final = "Ada met Babbage in London and they spoke about his engine, number {n}. "
_TEXT_BYTES: Final = 1_000
_console = Console(width=None if sys.stdout.isatty() else 120)


class Peers(NamedTuple):
    """The servers, from here."""

    echo: grpc.aio.Channel
    engram: grpc.aio.Channel


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.grpc", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--batch", type=int, default=500, help="memories of a streamed message")
    parser.add_argument("--directory", help="where the stores go; a real disk")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="engram-grpc-", dir=options.directory) as place:
        root = Path(place)
        asyncio.run(_filled(root / "served", options.memories))
        asyncio.run(_filled(root / "own", options.memories))
        with ExitStack() as running:
            echo = running.enter_context(_served("echo"))
            ours = running.enter_context(_served("engram", str(root / "served")))
            asyncio.run(_measured(echo, ours, root / "own", options))
    return 0


@contextmanager
def _served(*command: str) -> Iterator[int]:
    """Run a server, and lend its port."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "benches.grpc.servers", *command],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield int((process.stdout or sys.stdin).readline())
        finally:
            process.kill()


async def _filled(path: Path, count: int) -> None:
    async with engram.open(path, embedder=None) as db:
        space = await db.space()
        texts = [_TEXT.format(n=n) for n in range(count)]
        await space.remember_many(texts, embeddings=_vectors(count))
        await space.wait_linked()
        await space.checkpoint()


def _vectors(count: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).standard_normal((count, _DIMENSIONS)).astype(np.float32)


async def _measured(echo: int, ours: int, own: Path, options: argparse.Namespace) -> None:
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{echo}") as bare,
        grpc.aio.insecure_channel(f"127.0.0.1:{ours}") as served,
        engram.open(own, embedder=None) as db,
    ):
        space = await db.space()
        peers = Peers(bare, served)
        table = Table(
            *("work", "figure", "beside it", "ratio", "must reach"),
            title=f"{options.callers} callers, load {os.getloadavg()[0]:.1f}",
        )
        # First, while both stores are the same: behind the writes the server's is twice as large,
        # and still being linked.
        await _recalls(table, peers, space, options)
        await _remembers(table, peers, options)
        await _streams(table, peers, options)
        _console.print(table)


async def _remembers(table: Table, peers: Peers, options: argparse.Namespace) -> None:
    vectors = _vectors(4_096, seed=1)
    stub: Any = EngramStub(peers.engram)
    numbers = iter(range(1 << 40))

    def request() -> wire.RememberRequest:
        n = next(numbers)
        text = _TEXT.format(n=n).ljust(_TEXT_BYTES, "x")
        vector = vectors[n % len(vectors)].tobytes()
        return wire.RememberRequest(memory=wire.NewMemory(content=text, embedding=vector))

    first = request()
    answer = await stub.Remember(first)
    echo = _echo_of(peers.echo, answer)
    sent = first.SerializeToString()
    found = await _in_turns(
        options, lambda: echo(_serialized(request())), lambda: stub.Remember(request())
    )
    note = f"{len(sent):,} bytes in, {answer.ByteSize()} out"
    _row(table, f"remember, {note}", found, "echo", "0.6")


def _serialized(message: Any) -> bytes:
    """Return a message as bytes: who asks the echo makes them, too."""
    raw: bytes = message.SerializeToString()
    return raw


def _echo_of(channel: grpc.aio.Channel, answer: Any) -> Any:
    """Return what calls for as many bytes as an answer has."""
    return channel.unary_unary(f"/echo/{answer.ByteSize()}")


async def _recalls(table: Table, peers: Peers, space: Any, options: argparse.Namespace) -> None:
    vectors = _vectors(4_096, seed=2)
    stub: Any = EngramStub(peers.engram)
    numbers = iter(range(1 << 40))

    def vector() -> Any:
        return vectors[next(numbers) % len(vectors)]

    def request() -> wire.RecallRequest:
        return wire.RecallRequest(embedding=vector().tobytes(), limit=10, reinforce=False)

    answer = await stub.Recall(request())
    echo = _echo_of(peers.echo, answer)
    found = await _in_turns(
        options,
        lambda: echo(_serialized(request())),
        lambda: stub.Recall(request()),
        lambda: space.recall(embedding=vector(), limit=10, reinforce=False),
    )
    note = f"{request().ByteSize():,} bytes in, {answer.ByteSize():,} out"
    _row(table, f"recall of ten, {note}", found[:2], "echo", "")
    _row(table, "the same", [found[2], found[1]], "library", "")
    least = [list(map(min, found[0], found[2])), found[1]]
    _row(table, "the same", least, "the less of both", "0.8")


async def _streams(table: Table, peers: Peers, options: argparse.Namespace) -> None:
    stub: Any = EngramStub(peers.engram)
    vectors = _vectors(options.batch, seed=3).tobytes()
    rates = []
    for turn in range(options.rounds):
        call = stub.StreamingRemember()
        started, sent = time.perf_counter(), 0

        async def send(call: Any, started: float, turn: int) -> int:
            count = 0
            while time.perf_counter() - started < options.seconds:
                texts = [f"stream {turn} batch {count} memory {n}" for n in range(options.batch)]
                await call.write(
                    wire.StreamingRememberRequest(
                        memory_space_id="streamed",
                        seq=count + 1,
                        memories=[wire.NewMemory(content=each, associate=False) for each in texts],
                        embeddings=vectors,
                    )
                )
                count += 1
            await call.done_writing()
            return count

        sending = asyncio.create_task(send(call, started, turn))
        async for each in call:
            if each.HasField("refused"):
                raise RuntimeError(each.refused.message)
            sent += len(each.remembered.ids)
        await sending
        rates.append(sent / (time.perf_counter() - started))
    note = f"streamed by {options.batch}, {_DIMENSIONS}-d vectors given, acknowledged"
    table.add_row(note, f"{statistics.median(rates):,.0f} memories/s", "", "", "30,000")


async def _in_turns(
    options: argparse.Namespace, *calls: Callable[[], Awaitable[Any]]
) -> list[list[float]]:
    """Return the calls a second of each, round by round; the first round warms up."""
    rates: list[list[float]] = [[] for _ in calls]
    for turn in range(options.rounds + 1):
        for at, call in enumerate(calls):
            rate = await _rate(call, options)
            if turn:
                rates[at].append(rate)
    return rates


async def _rate(call: Callable[[], Awaitable[Any]], options: argparse.Namespace) -> float:
    done = 0
    started = time.perf_counter()

    async def ask() -> None:
        nonlocal done
        while time.perf_counter() - started < options.seconds:
            await call()
            done += 1

    await asyncio.gather(*(ask() for _ in range(options.callers)))
    return done / (time.perf_counter() - started)


def _row(table: Table, work: str, found: list[list[float]], beside: str, goal: str) -> None:
    other, own = found
    ratio = statistics.median(a / b for a, b in zip(own, other, strict=True))
    table.add_row(
        work,
        f"{statistics.median(own):,.0f}/s",
        f"{beside} {statistics.median(other):,.0f}/s",
        f"{ratio:.2f}",
        goal,
    )


if __name__ == "__main__":
    sys.exit(main())
