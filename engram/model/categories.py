"""Confidence in words: five categories over [0, 1]."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

NUMBERS: Final = {"none": 0.0, "low": 0.25, "medium": 0.5, "high": 0.8, "certain": 1.0}
"""What a category stands for when a caller names it; each lies within its own bounds."""

_BEGINS: Final = (0.4, 0.7, 0.95)
_FROM: Final = ("low", "medium", "high", "certain")


def category_of(confidence: float) -> str:
    """Return the category of a confidence from 0 to 1.

    none is 0 alone; low ends below 0.4, medium below 0.7, high below 0.95.
    """
    return "none" if confidence <= 0.0 else _FROM[bisect_right(_BEGINS, confidence)]
