"""What few memories have: entities, a fact, a priority of their own, an end, a predecessor.

Kept apart from what every memory has, so that those without pay next to nothing for it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from engram.model.ids import MemoryId

# The labels of a memory lie in one column: a number with none of these bits is a tag.
ENTITY: Final = 1 << 31
FACT_KEY: Final = 1 << 30
LABEL_MASK: Final = FACT_KEY - 1

PRIORITY_MIN: Final = 1
PRIORITY_DEFAULT: Final = 5
PRIORITY_MAX: Final = 10


class Particulars(msgspec.Struct, frozen=True, gc=False):
    """What one memory has of it; `expires_at` in nanoseconds, 0 for never."""

    entities: tuple[str, ...] = ()
    fact_key: str | None = None
    priority: int = PRIORITY_DEFAULT
    expires_at: int = 0
    supersedes: MemoryId | None = None


class ParticularColumns(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The same as columns; each is empty when no memory has any of it."""

    priorities: bytes = b""  # [u8]
    expires_at: bytes = b""  # [i64]; 0: never
    supersedes: bytes = b""  # [u64 high, u64 low]; zeros: nothing
