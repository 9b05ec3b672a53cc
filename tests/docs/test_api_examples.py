"""The patterns for many tenants run as they are and print what their page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "docs" / "reference" / "api-examples"
PAGE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
FILES = sorted(EXAMPLES.glob("*.py"))


def printed(name: str) -> str:
    """Return what the page says an example prints."""
    block = rf"\[{re.escape(name)}\].*?^```text\n(.*?)^```"
    found = re.search(block, PAGE, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_prints_what_the_page_says(file: Path, tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("ENGRAM_")
    }
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own example
        [sys.executable, "-W", "error", file],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed(file.name)


def test_every_example_is_on_the_page() -> None:
    assert len(FILES) > 1
    assert all(printed(file.name) for file in FILES)
