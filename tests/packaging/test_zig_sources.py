"""The tests inside the Zig sources are run, all of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "zig" / "src"


def test_the_tests_of_every_file_pass_with_safety_checks_on() -> None:
    """One program for all of them; where nothing changed it is not compiled again."""
    tested = {
        path.relative_to(SOURCES).as_posix(): len(found)
        for path in SOURCES.rglob("*.zig")
        if (found := re.findall(r'^test "', path.read_text("utf-8"), re.MULTILINE))
    }
    listed = re.findall(r'@import\("(.+?)"\)', (SOURCES / "tests.zig").read_text("utf-8"))
    assert sorted(tested) == sorted(listed), "zig/src/tests.zig names every file that has tests"
    command = [sys.executable, "-m", "ziglang", "test", str(SOURCES / "tests.zig"), "-lc"]
    done = subprocess.run(  # noqa: S603 - our own sources
        [*command, "-O", "ReleaseSafe", "--cache-dir", str(ROOT / ".zig-cache")],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    # One more: the test of tests.zig itself.
    assert f"All {sum(tested.values()) + 1} tests passed." in done.stderr
