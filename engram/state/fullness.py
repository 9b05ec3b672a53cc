"""How full a space is, counted only where a quota asks for it."""

from __future__ import annotations

import numpy as np

from engram.model.errors import QuotaReached
from engram.model.quotas import Quotas
from engram.state.space import ALIVE, SpaceState


class Fullness:
    """Compares a space with its quotas. Belongs to whoever decides for the space.

    Texts are counted as they come. What was forgotten since is taken out only when the quota seems
    reached: counting all of them takes some milliseconds a million.
    """

    def __init__(self, quotas: Quotas) -> None:
        self.quotas = quotas
        self.bytes_held = 0
        """Of texts, metadata and vectors, as counted before the last write; 0 without a quota."""
        self._rows = self._text_bytes = 0
        # Of what the texts were counted: forgotten and renumbered rows change that.
        self._counted = (0, 0)

    def count(self, state: SpaceState) -> None:
        """Count what a space holds that was just opened."""
        if self.quotas.bytes:
            self.bytes_held = self._bytes_of(state)

    def check(self, state: SpaceState, space: str, more: int, ending: int) -> None:
        """Refuse with QuotaReached when `more` memories would not fit, of which some end others."""
        most = self.quotas.memories
        if most:
            held = state.count - state.forgotten_count - state.formed_count
            if held + more - ending > most:
                raise QuotaReached(space, "quota_memories", most, held)
        most = self.quotas.bytes
        if most:
            held = self._bytes_of(state)
            if held >= most and self._counted != _marks(state):
                self._rows = 0
                held = self._bytes_of(state)
            self.bytes_held = held
            if held >= most:
                raise QuotaReached(space, "quota_bytes", most, held)

    def _bytes_of(self, state: SpaceState) -> int:
        """Return the bytes of texts and vectors, those of texts that were forgotten included."""
        if not self._rows or self._rows > state.count:
            self._rows = self._text_bytes = 0
            self._counted = _marks(state)
        fresh = np.arange(self._rows, state.count)
        if len(fresh):
            columns = state.columns
            lives = (columns["flags"].take(fresh) & np.uint8(ALIVE)) != 0
            for name in ("content_bytes", "metadata_bytes"):
                self._text_bytes += int(columns[name].take(fresh[lives]).sum(dtype=np.int64))
            self._rows = state.count
        return self._text_bytes + 4 * state.dimensions * state.vector_count


def _marks(state: SpaceState) -> tuple[int, int]:
    return state.forgotten_count, state.numbering
