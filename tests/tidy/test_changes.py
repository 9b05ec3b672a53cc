"""Fragments of the changelog are named so that towncrier takes them, and say something."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TEMPLATE = "template.md.jinja"


def misnamed(names: list[str], kinds: set[str]) -> list[str]:
    """Return names that are not `<issue>.<kind>[.<number>].md`; `+word` stands for no issue."""
    pattern = rf"(\d+|\+\w+)\.({'|'.join(sorted(kinds))})(\.\d+)?\.md"
    return [name for name in names if not re.fullmatch(pattern, name)]


def test_fragments_are_named_and_filled(root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    kinds = {kind["directory"] for kind in settings["tool"]["towncrier"]["type"]}
    fragments = [path for path in (root / "docs/changes").iterdir() if path.name != TEMPLATE]
    assert misnamed([path.name for path in fragments], kinds) == []
    assert [path.name for path in fragments if len(path.read_text("utf-8").split()) < 5] == []


def test_a_misnamed_fragment_is_noticed() -> None:
    names = ["2.added.md", "2.news.md", "readme.md", "+tidy.fixed.md", "3.fixed.1.md"]
    assert misnamed(names, {"added", "fixed"}) == ["2.news.md", "readme.md"]
