"""What a memory space may come to, as its operator set it."""

from __future__ import annotations

from typing import NamedTuple


class Quotas(NamedTuple):
    """Bounds of one space; 0: none."""

    memories: int = 0
    """How many live."""
    bytes: int = 0
    """Texts, metadata and vectors of those that live, in bytes."""
    writes_per_s: int = 0
    """Memories stored a second on the long run; those of one second at once."""
