"""Makes the calls whose instructions are counted; run under callgrind by `counting`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from benches.regression.probe import declare_probe
from benches.regression.workloads import JUDGED
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import load_library


class Task(msgspec.Struct, frozen=True):
    """What one process counts: the loops each workload burns in every call of the library."""

    library: str
    loops: dict[str, int]


def main(task: Task) -> None:
    """Make each call twice at the AVX2 level, for valgrind does not know AVX-512.

    The first goes uncounted: it binds symbols and obtains the thread's arena.
    """
    path = Path(task.library)
    kernels = ZigBackend(path)
    kernels.select_isa("avx2")
    library = load_library(path)
    declare_probe(library)
    calls = [(work.name, work.prepare()) for work in JUDGED if work.name in task.loops]
    for _, call in calls:
        call(kernels)
    library.engram_probe_start()
    for name, call in calls:
        library.engram_probe_burn(task.loops[name])
        call(kernels)
        library.engram_probe_dump(name.encode())


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Task))
