"""What the README and the pages promise can be typed as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


def make_targets(text: str) -> set[str]:
    """Return the targets of every `make ...` command in a page."""
    return set(re.findall(r"(?:`|^\$ )make (?:[A-Z]+=\S+ )?([a-z][a-z-]*)", text, re.MULTILINE))


def dead_links(page: Path) -> list[str]:
    """Return relative links of a page that lead nowhere."""
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    return [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_the_example_runs_as_printed(tmp_path: Path) -> None:
    """Twice, since the store is still there the second time."""
    (example,) = blocks(ROOT / "README.md", "python")
    for _ in range(2):
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own README
            [sys.executable, "-W", "error", "-c", example],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert "Ada Lovelace met Charles Babbage in June 1833." in done.stdout


def test_the_example_is_short() -> None:
    (example,) = blocks(ROOT / "README.md", "python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 10


def test_the_first_two_commands_are_the_two_commands() -> None:
    assert blocks(ROOT / "README.md", "console")[0] == "$ make quickstart\n$ make test\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_make_target_named_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    assert make_targets(page.read_text("utf-8")) - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_a_wrong_target_and_a_dead_link_are_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("`make tea` [gone](gone.md)\n$ make PYTHON=python3 coffee\n", encoding="utf-8")
    assert make_targets(page.read_text("utf-8")) == {"tea", "coffee"}
    assert dead_links(page) == ["gone.md"]
