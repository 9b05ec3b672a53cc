from __future__ import annotations

import pytest

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy


def test_monotonic_time_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_wall_time_counts_nanoseconds_since_1970() -> None:
    assert 1_600_000_000_000_000_000 < SystemClock().now() < 4_000_000_000_000_000_000


@pytest.mark.anyio
async def test_sleep_until_returns_once_the_deadline_is_reached() -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + 1_000_000
    await clock.sleep_until(deadline)
    assert clock.monotonic() >= deadline


def test_tokens_have_the_length_asked_for_and_differ() -> None:
    entropy = SystemEntropy()
    assert len(entropy.token(16)) == 16
    assert entropy.token(16) != entropy.token(16)
