"""Concepts as callers meet them: what they say, and what they were formed from."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engram.model.memory import Memory


class Consolidated(msgspec.Struct, frozen=True):
    """What a consolidation came to: episodes replayed, concepts formed, concepts that grew."""

    episodes: int
    formed: int
    grown: int
    concepts: tuple[str, ...]
    """The ids of what was formed or grew; one that grew more than once is superseded here."""


class Concept(msgspec.Struct, frozen=True):
    """A concept with its citations.

    `coherence` is the mean cosine of the pairs of its episodes, `terms` are the words that at least
    half of them share.
    """

    memory: Memory
    coherence: float
    terms: tuple[str, ...]
    episodes: tuple[str, ...]
    """The ids of the episodes it was formed from, in the order they were recorded."""
    name: str | None = None
    """What somebody called it, in CONSOLIDATE; None: nobody did."""


class Belief(msgspec.Struct, frozen=True):
    """What a concept said for a time, and on what evidence."""

    memory: Memory
    held_from: datetime
    held_until: datetime | None
    """When a newer version took its place; None: it is held now."""
    coherence: float
    terms: tuple[str, ...]
    episodes: tuple[str, ...]
    """The ids of the episodes it stood on, erased ones and those let go of aside."""
    name: str | None = None
