from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import anyio
import msgspec
import pytest

import engram
from engram.model.capacities import Capacities
from engram.testing.small_tiers import SmallTiers
from tests.simulation.prove_histories import tell

if TYPE_CHECKING:
    from pathlib import Path

    from engram.service.store import Engram

ROUNDS = 20
ROUNDS_LONG = 200
TOLD = 20
SEED = 23
STORES = 5
ACKNOWLEDGEMENTS_MAX = 900
SPACES = ("default", "second")

SETTINGS = SmallTiers(
    tiers=Capacities(hot=100, warm=100, cold=1_000_000, segment=50), checkpoint_log_bytes=50_000
)

# 16 writers in two spaces, while bodies move and snapshots are taken; a forgotten memory is
# acknowledged too, and a space says so when a snapshot knows of bodies that moved. Where that is
# waited for, the writers pause meanwhile: a busy machine would write a hundred thousand.
CHILD = """
import sys
import anyio
import engram
import msgspec
from engram.testing.small_tiers import SmallTiers

async def main():
    waits = sys.argv[4] == "waits"
    moved = {"default": anyio.Event(), "second": anyio.Event()}
    settings = msgspec.json.decode(sys.argv[3], type=SmallTiers)
    async with engram.open(sys.argv[1], embedder=None, settings=settings) as db:
        async def write(number):
            name = ("default", "second")[number % 2]
            space = await db.space(name)
            step = 0
            while True:
                step += 1
                if waits and step == 40:
                    await moved[name].wait()
                text = f"run {sys.argv[2]} writer {number} step {step} " + "lorem " * (step % 200)
                done = await space.remember(text, tags=[f"w{number}"], metadata={"step": step})
                if step % 7 == 0:
                    await space.forget(done.id)
                    sys.stdout.write(f"forgot {name} {done.id}\\n")
                else:
                    sys.stdout.write(f"kept {name} {done.id} {number} {step}\\n")
                sys.stdout.flush()

        async def watch(name):
            while name not in [info.id for info in await db.spaces()]:
                await anyio.sleep(0.001)
            space = await db.space(name)
            while not (await space.stats()).warm:
                await anyio.sleep(0.001)
            await space.checkpoint()
            sys.stdout.write(f"moved {name} -\\n")
            sys.stdout.flush()
            moved[name].set()

        async with anyio.create_task_group() as tasks:
            for name in ("default", "second"):
                tasks.start_soon(watch, name)
            for number in range(16):
                tasks.start_soon(write, number)

anyio.run(main)
"""


def _killed_while_writing(
    root: Path, run: int, acknowledgements: int, *, is_moved: bool
) -> list[list[str]]:
    """Run writers, kill them after that many acknowledgements, return all that came through.

    Where bodies shall have moved, the acknowledgements are counted from there on.
    """
    child = subprocess.Popen(  # noqa: S603 - our own interpreter
        [
            *(sys.executable, "-c", CHILD, str(root), str(run)),
            *(msgspec.json.encode(SETTINGS).decode(), "waits" if is_moved else "goes on"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    lines: list[list[str]] = []
    try:
        for line in child.stdout:
            is_moved = is_moved and not line.startswith("moved")
            if not is_moved:
                if not acknowledgements:
                    child.send_signal(signal.SIGKILL)
                acknowledgements -= 1
            if line.endswith("\n") and not line.startswith("moved"):
                lines.append(line.split())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    return lines


async def _check(db: Engram, run: int, lines: list[list[str]]) -> int:
    """Check every acknowledgement of one run and return how many memories were kept."""
    kept = 0
    for verb, name, memory_id, *rest in lines:
        space = await db.space(name)
        if verb == "forgot":
            with pytest.raises(engram.errors.MemoryNotFound):
                await space.get(memory_id)
            continue
        number, step = rest
        memory = await space.get(memory_id)
        text = f"run {run} writer {number} step {step} " + "lorem " * (int(step) % 200)
        assert memory.content == text
        assert (memory.tags, memory.metadata) == ((f"w{number}",), {"step": int(step)})
        kept += 1
    return kept


async def _reopened(root: Path, runs: dict[int, list[list[str]]]) -> Counter[str]:
    """Check all runs so far of one store; recall must answer with what they wrote."""
    facts: Counter[str] = Counter()
    async with engram.open(root, embedder=None, settings=SETTINGS) as db:
        assert {info.phase for info in await db.spaces()} == {"ready"}
        for name in SPACES:
            stats = await (await db.space(name)).stats()
            facts.update(snapshots=stats.checkpoint_lsn > 0, warm=stats.warm > 0)
        for run, lines in runs.items():
            facts["kept"] += await _check(db, run, lines)
        for name in SPACES:
            writer = SPACES.index(name)
            written = [line for lines in runs.values() for line in lines if line[1] == name]
            if any(line[0] == "kept" and line[3] == str(writer) for line in written):
                found = await (await db.space(name)).recall("writer", tags_all=[f"w{writer}"])
                assert f"writer {writer}" in found[0].memory.content
        await (await db.space()).remember("it goes on")
    return facts


def _rounds(root: Path, rounds: int) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable is the point
    runs: dict[Path, dict[int, list[list[str]]]] = {}
    facts: Counter[str] = Counter()
    for run in range(rounds):
        directory = root / str(run // STORES)
        known = runs.setdefault(directory, {})
        count = chance.randrange(ACKNOWLEDGEMENTS_MAX)
        known[run] = _killed_while_writing(directory, run, count, is_moved=run % STORES == 0)
        found = anyio.run(_reopened, directory, known)
        assert found["kept"] > 0
        facts += found
        if not (run + 1) % TOLD:
            tell(f"stores killed {run + 1} times of {rounds}: nothing acknowledged is lost")
    assert min(facts["snapshots"], facts["warm"]) >= rounds


def test_a_store_loses_nothing_acknowledged_by_kill_9(tmp_path: Path) -> None:
    _rounds(tmp_path, ROUNDS)


@pytest.mark.prove
def test_a_store_loses_nothing_acknowledged_by_many_kills(tmp_path: Path) -> None:
    _rounds(tmp_path, ROUNDS_LONG)
