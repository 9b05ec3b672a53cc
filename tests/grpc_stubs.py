"""Makes the stubs of the gRPC interface of its proto: `python -m tests.grpc_stubs`.

`--check` changes nothing, and fails when what is committed is not what protoc makes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PROTO: Final = "engram/v1/engram.proto"
MADE: Final = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")
_PROTOC_SECONDS_MAX: Final = 60


def make(target: Path) -> None:
    """Write the stubs into a folder, below it in the folders of the package."""
    site, scripts = (sysconfig.get_path(each) for each in ("purelib", "scripts"))
    command = [
        *(sys.executable, "-m", "grpc_tools.protoc", "-I.", f"-I{site}"),
        *(f"--{each}_out={target}" for each in ("python", "pyi", "grpc_python")),
        # Without the promise that a call is typed for both kinds of channels, which none is.
        f"--mypy_grpc_out=quiet:{target}",
        PROTO,
    ]
    path = f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(  # noqa: S603 - the compiler that is pinned
        command, check=True, cwd=ROOT, env=os.environ | {"PATH": path}, timeout=_PROTOC_SECONDS_MAX
    )


def stale(target: Path) -> list[str]:
    """Return the stubs that are not what protoc wrote into a folder."""
    names = [PROTO.replace(".proto", each) for each in MADE]
    return [each for each in names if (target / each).read_bytes() != _bytes(ROOT / each)]


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def main() -> int:
    """Make them, or check them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if a stub is out of date")
    if not parser.parse_args().check:
        make(ROOT)
        return 0
    with TemporaryDirectory() as made:
        make(Path(made))
        found = stale(Path(made))
    for each in found:
        sys.stderr.write(f"{each} is not what {PROTO} makes; run python -m tests.grpc_stubs\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
