"""What an answer is unsure about."""

from __future__ import annotations

import msgspec


class Doubt(msgspec.Struct, frozen=True):
    """A source of uncertainty: how much it takes alone, from 0 to 1, and what it is in words."""

    source: str
    amount: float
    about: str
