"""`python -m benches.peers [FAMILY ...]`: one process, one thread each, one table."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FAMILIES: Final = (
    "calls",
    "codes",
    "forgetting",
    "graph",
    "queries",
    "threads",
    "vectors",
    "words",
)
_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS")

_PAGE_COLUMNS: Final = 140


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out the comparison; exit 1 when a goal is missed."""
    options = _parser().parse_args(arguments)
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        sys.stderr.write(f"no family {', '.join(sorted(unknown))}; choose {', '.join(FAMILIES)}\n")
        return 2
    if any(os.environ.get(name) != "1" for name in _THREADS):
        # BLAS and OpenMP read these when they are loaded.
        os.environ.update(dict.fromkeys(_THREADS, "1"))
        os.execv(sys.executable, [sys.executable, "-m", "benches.peers", *sys.argv[1:]])  # noqa: S606 - ourselves
    return _compare(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.peers", description=__doc__)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--quick", action="store_true", help="a quarter of the rounds")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--markdown", type=Path, help="write the table there")
    return parser


def _compare(options: argparse.Namespace) -> int:
    import msgspec  # noqa: PLC0415 - after the threads are set
    from rich.console import Console  # noqa: PLC0415 - as above

    from benches.peers import rounds, table  # noqa: PLC0415 - as above

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console(stderr=True)
    rows = []
    for family in options.families or FAMILIES:
        for case in importlib.import_module(f"benches.peers.{family}").cases(options.only):
            console.print(f"measuring {case.name} ...", style="dim")
            rows.append(rounds.measure(case, quick=options.quick))
    table.show(Console(width=None if sys.stdout.isatty() else _PAGE_COLUMNS), rows)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
    if options.markdown:
        options.markdown.write_text(table.markdown(rows), encoding="utf-8")
    return 1 if any(row.is_reached is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
