"""How many bytes a store may keep resident, who gets them, and when a write must wait for some.

What cannot leave RAM (columns, indexes, sketches) comes first. Of the rest half is for bodies in
RAM, an eighth for the cache of blocks, and what remains for moving bodies: while some are sealed
those that stay are copied. Rule: the parts never sum up to more than the whole.
"""

from __future__ import annotations

from typing import Final

from engram.model.commands import Command, Consolidate, Reembed, Remember, RememberBatch
from engram.model.errors import Overloaded
from engram.storage.block_cache import BlockCache

# Of what is left for bodies and caches: half for the bodies in RAM, sealing from three eighths on.
_HOT_PARTS: Final = 4
_SEAL_PARTS: Final = 3
_CACHE_PARTS: Final = 1
_PARTS: Final = 8
# 1 GiB of blocks at most: the system caches files as well, and what is not used stays free for it.
CACHE_BYTES_MAX: Final = 1 << 30
# 256 MiB of bodies in a segment at most: texts of 100 KiB would make 6 GiB of 65,536 bodies, and
# a step of the housekeeping should take seconds.
SEGMENT_BYTES_MAX: Final = 256 << 20
# An eighth of the budget must be left for bodies and caches, or nothing more is taken in.
_LEFT_SHARE_MIN: Final = 8
# What a memory takes besides its body: 139 bytes of columns, up to 28 of key indexes, 12 of slots,
# and the first of its words. Corrected by measuring before each step of the housekeeping.
ROW_BYTES: Final = 256


class Budget:
    """The resident bytes of one store. Belongs to its event loop."""

    def __init__(self, total_bytes: int, cache: BlockCache) -> None:
        self.total_bytes = total_bytes
        self.moving_bytes = 0
        self.is_stuck = False
        self._cache = cache
        self._fixed = self._hot = self._turned_away = 0
        self._room = -1
        self._resize_cache()

    @property
    def left_bytes(self) -> int:
        """What is left for bodies in RAM, caches and moves."""
        return max(0, self.total_bytes - self._fixed)

    @property
    def hot_bytes_max(self) -> int:
        """How much of bodies there may be in RAM."""
        return self.left_bytes * _HOT_PARTS // _PARTS

    @property
    def hot_bytes_kept(self) -> int:
        """How much of bodies may stay in RAM when some leave it: they are copied."""
        return self.hot_bytes_max // 2

    @property
    def segment_bytes_max(self) -> int:
        """How much of bodies one segment may hold: its writer holds their vectors."""
        return min(SEGMENT_BYTES_MAX, max(1, self.left_bytes // _PARTS))

    @property
    def excess_bytes(self) -> int:
        """How much of bodies must leave RAM before writes have to wait for that, or if they do."""
        if self._turned_away:
            room = self.hot_bytes_max - self._turned_away
            return self._hot - max(0, min(self.hot_bytes_kept, room))
        if self._hot > self.left_bytes * _SEAL_PARTS // _PARTS:
            return self._hot - self.hot_bytes_kept
        return 0

    def measured(self, fixed_bytes: int, hot_bytes: int) -> None:
        """Take what was measured: what cannot leave RAM, and the bodies in it."""
        self._fixed, self._hot = fixed_bytes, hot_bytes
        self._resize_cache()

    def take(self, body_bytes: int, count: int) -> None:
        """Note that so many bytes of bodies of `count` memories came into RAM."""
        self._hot += body_bytes
        self._fixed += ROW_BYTES * count
        self._note_room()

    def admits(self, body_bytes: int) -> bool:
        """Whether so many bytes of bodies may come into RAM now. The first ones always may."""
        if body_bytes <= self._room:
            return True
        if self.left_bytes < self.total_bytes // _LEFT_SHARE_MIN:
            return False
        if not self._hot:
            return True
        self._turned_away = max(self._turned_away, body_bytes)
        return False

    def check_conversion(self, count: int, dimensions: int) -> None:
        """Refuse to convert `count` memories: their new vectors must fit beside each other."""
        if 4 * count * (dimensions + 1) > self.hot_bytes_max:
            raise Overloaded("memory_budget", self.total_bytes)

    def look_again(self) -> None:
        """Forget who was turned away: they ask again."""
        self._turned_away = 0

    @property
    def refusal(self) -> Overloaded | None:
        """Why what is not admitted is refused: waiting would not help. None: it may wait."""
        if self.is_stuck or self.left_bytes < self.total_bytes // _LEFT_SHARE_MIN:
            return Overloaded("memory_budget", self.total_bytes)
        return None

    def _resize_cache(self) -> None:
        share = self.left_bytes * _CACHE_PARTS // _PARTS
        self._cache.resize(min(CACHE_BYTES_MAX, share))
        self._note_room()

    def _note_room(self) -> None:
        """Work out once a change what every write asks for: how many bytes may come, -1: none."""
        is_enough = self.left_bytes >= self.total_bytes // _LEFT_SHARE_MIN
        self._room = self.hot_bytes_max - self._hot if is_enough else -1


def bytes_added(command: Command) -> tuple[int, int]:
    """Return the bytes of bodies that a command adds, and how many memories; (0, 0) for others."""
    if type(command) is Remember:
        return len(command.content) + len(command.metadata) + len(command.vector), 1
    if isinstance(command, RememberBatch):
        texts = len(command.contents) + len(command.metadata)
        return texts + len(command.vectors), command.count
    if isinstance(command, Consolidate):
        return bytes_added(command.concepts) if command.concepts else (0, 0)
    if isinstance(command, Reembed):
        return len(command.vectors), 0
    return 0, 0
