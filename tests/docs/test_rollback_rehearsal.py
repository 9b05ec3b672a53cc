"""The rollback procedure, rehearsed: Zig, numpy, Zig again on one store, each in a process.

Only the environment changes, as in an emergency; nothing is rebuilt or migrated.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CUES = ("a boat on the lake", "who repaired the roof?", "memory 41", "market bread")
PROGRAM = """
import json, sys
from pathlib import Path
from engram import sync

data, first, count, cues = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
verbs = ("saw a boat on the lake", "repaired the roof", "bought bread at the market")
with sync.open(data) as db:
    space = db.space("default")
    numbers = range(first, first + count)
    space.remember_many([f"memory {n}: {n % 13} people {verbs[n % 3]}" for n in numbers])
    answers = [
        [(hit.memory.content, hit.score, hit.parts) for hit in space.recall(cue, limit=8)]
        for cue in cues
    ]
    maps = Path("/proc/self/maps")
    is_loaded = "engram_kernels" in maps.read_text() if maps.exists() else None
    print(json.dumps({"kernels": db.kernels.name, "answers": answers, "is_loaded": is_loaded}))
"""


def process(data: Path, first: int, count: int, **environment: str) -> Any:
    """Open the store in a process of its own, remember some, and ask every cue."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ENGRAM_")}
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, str(data), str(first), str(count), json.dumps(CUES)],
        cwd=ROOT,
        # Links and concepts come some time after what they are about, and bear upon the order of
        # what is alike.
        env={**clean, "ENGRAM_LINKER": "off", "ENGRAM_CONSOLIDATION": "off", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_a_store_written_under_zig_answers_the_same_under_numpy_and_back(tmp_path: Path) -> None:
    data = tmp_path / "store"
    zig = process(data, 0, 600, ENGRAM_KERNELS="zig")
    # Level and arena stay set in a hurry; numpy takes no notice of either.
    left = {"ENGRAM_KERNELS_ISA": "neon", "ENGRAM_ARENA_SIZE": "4096"}
    numpy = process(data, 600, 0, ENGRAM_KERNELS="numpy", **left)
    assert (zig["kernels"], numpy["kernels"]) == ("zig", "numpy")
    assert zig["is_loaded"] in (True, None)
    assert numpy["is_loaded"] in (False, None), "no code of the library is in the process"
    assert_same(zig["answers"], numpy["answers"])
    more = process(data, 600, 30, ENGRAM_KERNELS="numpy")
    again = process(data, 630, 0, ENGRAM_KERNELS="zig")
    assert_same(more["answers"], again["answers"])


def assert_same(own: Any, other: Any) -> None:
    """The same memories in the same order; scores up to rounding and the seconds between."""
    for mine, others in zip(own, other, strict=True):
        assert len(mine) == 8
        assert [content for content, _, _ in mine] == [content for content, _, _ in others]
        for (_, score, parts), (_, other_score, other_parts) in zip(mine, others, strict=True):
            assert score == pytest.approx(other_score, abs=1e-4)
            assert parts == pytest.approx(other_parts, abs=1e-4)
