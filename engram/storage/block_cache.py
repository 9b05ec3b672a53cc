"""A cache of file blocks with a budget in bytes, one for all segments of a store.

Eviction is S3-FIFO (Yang et al., SOSP 2023): a new block waits in a short queue and moves to the
main one only if it is asked for again, so that blocks read once do not drive out those in use.
Rule 1: what is held never exceeds the budget. Rule 2: of threads that miss one block at the same
time one loads it and the others wait. Rule 3: a load that fails leaves nothing behind, and those
who waited for it try themselves.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from threading import Condition, Lock
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from engram.model.errors import check
from engram.storage.limits import CACHE_ENTRY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Loader: TypeAlias = "Callable[[list[int]], Sequence[bytes]]"

_PROBATION_SHARE: Final = 10  # a tenth of the budget, as in the paper
_HITS_MAX: Final = 3  # as many rounds of the main queue as hits survive, at most
_BLOCK_BITS: Final = 32


class CacheCounts(NamedTuple):
    """How the cache did since it was made."""

    hits: int
    misses: int
    evictions: int
    blocks: int
    """Blocks held now."""
    resident_bytes: int
    """Bytes of the blocks held now and of their bookkeeping; never above `budget_bytes`."""
    budget_bytes: int


class _Entry:
    __slots__ = ("block", "cost", "hits", "is_main", "owner", "value")

    def __init__(self, owner: int, block: int, value: bytes) -> None:
        self.owner = owner
        self.block = block
        self.value: bytes | None = value
        self.cost = len(value) + CACHE_ENTRY_BYTES
        self.hits = 0
        self.is_main = False


class _Flight:
    """Blocks that one thread is loading; when it is over without values, the load failed."""

    __slots__ = ("is_over", "values")

    def __init__(self) -> None:
        self.is_over = False
        self.values: dict[int, bytes] | None = None


class BlockCache:
    """Blocks by (owner, number), bounded by bytes; any thread may call it.

    An owner is a file of a segment, by the number that `new_owner` gave it. A block is `bytes`.
    """

    def __init__(self, budget_bytes: int) -> None:
        check(budget_bytes >= 0, "a cache's budget is no negative number of bytes")
        self._budget_bytes = budget_bytes
        self._lock = Lock()
        self._landed = Condition(self._lock)
        self._owners: dict[int, dict[int, _Entry]] = {}
        self._flights: dict[tuple[int, int], _Flight] = {}
        self._probation: deque[_Entry] = deque()
        self._main: deque[_Entry] = deque()
        self._evicted_once: OrderedDict[int, None] = OrderedDict()
        self._main_bytes = self._bytes = 0
        self._blocks = self._dead = 0
        self._hits = self._misses = self._evictions = 0
        self._last_owner = 0

    def new_owner(self) -> int:
        """Return a number for a file whose blocks are to be cached, never given before."""
        with self._lock:
            self._last_owner += 1
            return self._last_owner

    def take(self, owner: int, blocks: Sequence[int], load: Loader) -> list[bytes]:
        """Return the blocks of these distinct numbers, in their order.

        `load` is called without a lock, with the numbers that must be read, in their order, and
        returns as many values; what it raises reaches the caller.
        """
        found: dict[int, bytes] = {}
        while len(found) < len(blocks):
            missing, flight, others = self._claim(owner, blocks, found)
            if flight is not None:
                found.update(self._load(owner, missing, flight, load))
            for other in others:
                landed = self._wait(other)
                found.update((block, landed[block]) for block in blocks if block in landed)
        return [found[block] for block in blocks]

    def missing(self, owner: int, blocks: Sequence[int]) -> list[int]:
        """Return which of these blocks are not held; changes nothing, not even the counts."""
        with self._lock:
            held = self._owners.get(owner)
            return list(blocks) if held is None else [each for each in blocks if each not in held]

    def drop(self, owner: int) -> None:
        """Let all blocks of an owner go."""
        with self._lock:
            for entry in self._owners.pop(owner, {}).values():
                self._account(entry, -1)
                entry.value = None
                self._dead += 1
            if self._dead > self._blocks + 1024:
                self._probation = deque(each for each in self._probation if each.value is not None)
                self._main = deque(each for each in self._main if each.value is not None)
                self._dead = 0

    def resize(self, budget_bytes: int) -> None:
        """Change the budget; what is over it goes at once."""
        check(budget_bytes >= 0, "a cache's budget is no negative number of bytes")
        with self._lock:
            self._budget_bytes = budget_bytes
            self._make_room(0)

    def counts(self) -> CacheCounts:
        """Return all counts, of one instant."""
        with self._lock:
            return CacheCounts(
                self._hits,
                self._misses,
                self._evictions,
                self._blocks,
                self._bytes,
                self._budget_bytes,
            )

    def _claim(
        self, owner: int, blocks: Sequence[int], found: dict[int, bytes]
    ) -> tuple[list[int], _Flight | None, set[_Flight]]:
        """Add what is held to `found`; return what the caller must load and whom to wait for."""
        missing: list[int] = []
        others: set[_Flight] = set()
        with self._lock:
            held = self._owners.get(owner, {})
            for block in blocks:
                entry = held.get(block)
                if entry is not None and entry.value is not None:
                    if block not in found:
                        self._hits += 1
                        if entry.hits < _HITS_MAX:
                            entry.hits += 1
                        found[block] = entry.value
                elif block not in found:
                    flight = self._flights.get((owner, block))
                    if flight is None:
                        missing.append(block)
                    else:
                        others.add(flight)
            if not missing:
                return missing, None, others
            self._misses += len(missing)
            flight = _Flight()
            for block in missing:
                self._flights[owner, block] = flight
        return missing, flight, others

    def _load(
        self, owner: int, blocks: list[int], flight: _Flight, load: Loader
    ) -> dict[int, bytes]:
        values: dict[int, bytes] | None = None
        try:
            values = dict(zip(blocks, load(blocks), strict=True))
        finally:
            with self._lock:
                for block in blocks:
                    del self._flights[owner, block]
                flight.values = values
                flight.is_over = True
                for block, value in (values or {}).items():
                    self._insert(owner, block, value)
                self._landed.notify_all()
        return values

    def _wait(self, flight: _Flight) -> dict[int, bytes]:
        """Return what another thread loaded, once it has; nothing when it failed."""
        with self._landed:
            while not flight.is_over:
                self._landed.wait()
        return flight.values or {}

    def _insert(self, owner: int, block: int, value: bytes) -> None:
        entry = _Entry(owner, block, value)
        if entry.cost > self._budget_bytes or block in self._owners.get(owner, {}):
            return
        self._make_room(entry.cost)
        was_here = self._evicted_once.pop(owner << _BLOCK_BITS | block, 0) is None
        entry.is_main = was_here
        (self._main if was_here else self._probation).append(entry)
        self._owners.setdefault(owner, {})[block] = entry
        self._account(entry, 1)

    def _account(self, entry: _Entry, sign: int) -> None:
        self._bytes += sign * entry.cost
        self._blocks += sign
        if entry.is_main:
            self._main_bytes += sign * entry.cost

    def _make_room(self, bytes_count: int) -> None:
        while self._bytes + bytes_count > self._budget_bytes:
            probation_bytes = self._bytes - self._main_bytes
            if probation_bytes * _PROBATION_SHARE > self._budget_bytes or not self._main_bytes:
                self._shorten_probation()
            else:
                self._shorten_main()

    def _shorten_probation(self) -> None:
        """Move the oldest newcomer to the main queue if it was asked for again, else let it go."""
        entry = self._probation.popleft()
        if entry.value is None:
            self._dead -= 1
        elif entry.hits:
            self._account(entry, -1)
            entry.hits, entry.is_main = 0, True
            self._account(entry, 1)
            self._main.append(entry)
        else:
            self._let_go(entry)
            self._evicted_once[entry.owner << _BLOCK_BITS | entry.block] = None
            while len(self._evicted_once) > max(1, self._blocks):
                self._evicted_once.popitem(last=False)

    def _shorten_main(self) -> None:
        """Give the oldest block another round if it was asked for since, else let it go."""
        entry = self._main.popleft()
        if entry.value is None:
            self._dead -= 1
        elif entry.hits:
            entry.hits -= 1
            self._main.append(entry)
        else:
            self._let_go(entry)

    def _let_go(self, entry: _Entry) -> None:
        self._account(entry, -1)
        self._evictions += 1
        entry.value = None
        held = self._owners[entry.owner]
        del held[entry.block]
        if not held:
            del self._owners[entry.owner]
