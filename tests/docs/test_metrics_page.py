"""The page about metrics lists what a server tells; `python -m` of this module renews it."""

from __future__ import annotations

import re
from pathlib import Path

from engram.service.metrics import METRICS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
MARKER = "<!-- metrics -->\n"


def renewed(text: str) -> str:
    """Return the page with its table as it is to be."""
    before, marker, after = text.partition(MARKER)
    rows = [f"| `{name}` | {each.kind} | {each.about} |\n" for name, each in METRICS.items()]
    head = "| metric | kind | what |\n|---|---|---|\n"
    return "".join([before, marker, head, *rows, re.sub(r"\A(?:\|.*\n)*", "", after)])


def test_the_page_lists_every_metric() -> None:
    """Nothing is missing from it, and it promises nothing that is not there."""
    text = PAGE.read_text("utf-8")
    assert renewed(text) == text
    assert "| `engram_wal_lag_ms` | gauge |" in text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
