"""How many requests a memory space may be asked for: a token bucket for each."""

from __future__ import annotations

import math
from typing import Final, NamedTuple, Protocol

_NS: Final = 1_000_000_000
BUCKETS_COUNT_MAX: Final = 10_000
"""Ten times the spaces that one process is made for; a bucket takes some 200 bytes."""


class Allowance(NamedTuple):
    """What is left for a tenant after a request; `retry_after_s` above 0: it was one too many."""

    limit: int
    remaining: int
    reset_s: int
    """Seconds until all of it is there again."""
    retry_after_s: int


class Limiter(Protocol):
    """Counts requests; one that several processes share can take the place of `TokenBuckets`."""

    async def take(self, tenant: str, now: int) -> Allowance:
        """Take one request of a tenant at monotonic time `now` (nanoseconds)."""


class TokenBuckets:
    """A bucket for each tenant: `burst` requests at once, and `rate_per_s` on the long run.

    A bucket that is full again says nothing, so it is let go when there are too many. Where that
    is not enough those go that were asked for longest ago, which gives their tenants a new burst.
    """

    def __init__(self, rate_per_s: float, burst: int) -> None:
        self._rate, self._burst = rate_per_s, burst
        # Tokens left, and when that was so, by tenant; the one asked for last is the last one.
        self._buckets: dict[str, tuple[float, int]] = {}

    def __len__(self) -> int:
        """Return how many buckets there are."""
        return len(self._buckets)

    async def take(self, tenant: str, now: int) -> Allowance:
        """Take one request of a tenant; see `Limiter`."""
        left, since = self._buckets.pop(tenant, (float(self._burst), now))
        left = min(self._burst, left + (now - since) / _NS * self._rate)
        wait_s = 0
        if left >= 1.0:
            left -= 1.0
        else:
            wait_s = max(1, math.ceil((1.0 - left) / self._rate))
        self._buckets[tenant] = (left, now)
        if len(self._buckets) > BUCKETS_COUNT_MAX:
            self._let_go(now)
        reset_s = math.ceil((self._burst - left) / self._rate)
        return Allowance(self._burst, int(left), reset_s, wait_s)

    def _let_go(self, now: int) -> None:
        full_after_ns = self._burst / self._rate * _NS
        kept = [
            (tenant, bucket)
            for tenant, bucket in self._buckets.items()
            if now - bucket[1] < full_after_ns
        ]
        # Some more than there must be, so that not every request looks at all buckets.
        self._buckets = dict(kept[-(BUCKETS_COUNT_MAX - BUCKETS_COUNT_MAX // 10) :])
