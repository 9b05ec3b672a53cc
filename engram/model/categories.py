"""Confidence in words: five categories over [0, 1]."""

from __future__ import annotations

from typing import Final

NUMBERS: Final = {"none": 0.0, "low": 0.25, "medium": 0.5, "high": 0.8, "certain": 1.0}
"""What a category stands for when a caller names it; each lies within its own bounds."""

_BEGINS: Final = (("certain", 0.95), ("high", 0.7), ("medium", 0.4))


def category_of(confidence: float) -> str:
    """Return the category of a confidence from 0 to 1.

    none is 0 alone; low ends below 0.4, medium below 0.7, high below 0.95.
    """
    if confidence <= 0.0:
        return "none"
    return next((name for name, begins in _BEGINS if confidence >= begins), "low")
