"""`python -m benches.profiles`: sample recalls with py-spy, draw them, and list where time goes.

Threads are not stopped for a sample: stopped ones made kernels vanish from it. A stack that changes
while it is read is lost, so what is short is seen too seldom: take the stages' times beside it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benches.profiles import flame, stacks
from benches.profiles.recalls import KINDS

# The parts of a recall that run on a reader's thread and on the event loop's.
_RECALL: Final = ("_search", "recall")
# The first recall by words indexes what came before it.
_NOT_RECALL: Final = ("WordIndex.add",)
_LISTED: Final = 12
_RATE_HZ: Final = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Sample each kind of recall, write its picture and print its innermost calls."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.profiles", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=Path("docs/internal/profiles"))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    options = parser.parse_args(arguments)
    sampler = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which(
        "py-spy"
    )
    if sampler is None:
        sys.stderr.write("py-spy is missing, so nothing is sampled: pip install py-spy\n")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    for kind in options.kinds or KINDS:
        seen = _sampled(sampler, kind, options.seconds)
        path = options.out / f"recall-{kind}.svg"
        flame.draw(seen, f"recall by {kind}: 100,000 memories, 384 dimensions", path)
        sys.stdout.write(f"{path}: {sum(seen.values())} samples\n")
        for label, share in stacks.self_shares(seen, _LISTED):
            sys.stdout.write(f"  {share:6.1%}  {label}\n")
    return 0


def _sampled(sampler: str, kind: str, seconds: float) -> Counter[stacks.Stack]:
    with tempfile.TemporaryDirectory() as place:
        raw = Path(place, "stacks.txt")
        command = [sampler, "record", "--idle", "--nonblocking", "--format", "raw"]
        command += ["--rate", str(_RATE_HZ)]
        command += ["--output", str(raw), "--", sys.executable, "-m", "benches.profiles.recalls"]
        done = subprocess.run(  # noqa: S603 - our own words
            [*command, kind, str(seconds)], check=True, capture_output=True, text=True
        )
        sys.stdout.write(f"{kind}, median of each stage while sampled:\n")
        sys.stdout.writelines(line + "\n" for line in done.stdout.splitlines() if line[:2] == "  ")
        seen = stacks.parse(raw.read_text(encoding="utf-8").splitlines())
    return stacks.below(seen, _RECALL, _NOT_RECALL)


if __name__ == "__main__":
    sys.exit(main())
