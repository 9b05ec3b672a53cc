from __future__ import annotations

from pathlib import Path

import anyio

from engram.model.errors import EngramError
from engram.testing.histories import run_crash_history

HISTORIES = 1000
SEEDS = Path(__file__).with_name("seeds.txt")


def test_what_was_acknowledged_survives_a_thousand_crash_histories() -> None:
    kept = [
        int(line.split()[0])
        for line in SEEDS.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]

    async def run() -> int:
        records = 0
        for seed in [*kept, *range(HISTORIES)]:
            try:
                records += await run_crash_history(seed)
            except EngramError as exc:
                exc.add_note(f"seed {seed}")
                print(f"failing seed: {seed}")  # noqa: T201 - the seed comes first
                raise
        return records

    assert anyio.run(run) > 10 * HISTORIES
