"""The picture in the reference is what is drawn."""

from __future__ import annotations

from pathlib import Path

from engram.testing.recalls import recall_of_every_look

KEPT = Path(__file__).parents[2] / "docs" / "reference" / "recall_picture.svg"


def test_the_picture_in_the_reference_is_what_is_drawn() -> None:
    assert recall_of_every_look().show().svg == KEPT.read_text("utf-8")
