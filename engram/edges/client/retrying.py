"""Which requests are sent again, and when.

Rule 1: a request is sent again only when that cannot do anything twice: it did not reach the
server, the server refused it before it began, or it reads, or carries a key.
Rule 2: what another time would not change is not sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from engram.edges.client.limits import ATTEMPTS_MAX, FIRST_PAUSE_SECONDS
from engram.model.errors import EngramError
from engram.ports import Clock, Entropy

# Of a refusal with one of these codes nothing was begun; it may pass later.
_NOT_BEGUN: Final = frozenset(("RATE_LIMITED", "OVERLOADED", "REQUEST_TIMEOUT"))
# Of these something may have been done, and the same request may pass later.
_LATER: Final = frozenset(("UNAVAILABLE",))
_JITTER_BYTES: Final = 2


class Failure(NamedTuple):
    """An attempt that came to nothing."""

    error: EngramError
    was_not_sent: bool = False
    """Whether the server cannot know of it."""
    retry_after_s: float = 0.0
    """How long the server asks for a rest."""
    is_final: bool = False
    """Whether there is no time for another attempt."""

    def may_be_repeated(self, *, is_safe: bool) -> bool:
        """Whether the request may be sent again; `is_safe` says that doing it twice is no harm."""
        if self.is_final:
            return False
        if self.was_not_sent or self.error.code in _NOT_BEGUN:
            return True
        return is_safe and self.error.code in _LATER


def pauses(entropy: Entropy) -> Iterator[float]:
    """Yield the pause before each further attempt, in seconds: doubling, and never quite alike."""
    for attempt in range(ATTEMPTS_MAX - 1):
        yield FIRST_PAUSE_SECONDS * 2.0**attempt * part_at_random(entropy)


def part_at_random(entropy: Entropy) -> float:
    """Return a number from above a half to 1."""
    chance = int.from_bytes(entropy.token(_JITTER_BYTES), "little") / (1 << 8 * _JITTER_BYTES)
    return 1 - chance / 2


def seconds_of(retry_after: str | None, clock: Clock) -> float:
    """Return how long a Retry-After asks to wait, in seconds or until a date; 0 without one."""
    if not retry_after:
        return 0.0
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    now = datetime.fromtimestamp(clock.now() / 1e9, UTC)
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
