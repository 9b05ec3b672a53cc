from __future__ import annotations

import pytest

from engram.service import limiting
from engram.service.limiting import TokenBuckets

pytestmark = pytest.mark.anyio
SECOND = 10**9


async def test_a_burst_passes_at_once_and_the_rate_on_the_long_run() -> None:
    buckets = TokenBuckets(10.0, 5)
    passed = 0
    for step in range(1_001):
        passed += not (await buckets.take("a", step * SECOND // 100)).retry_after_s
    assert passed in {5 + 99, 5 + 100}  # the last comes at the moment its token does


async def test_what_is_left_and_when_all_of_it_is_there_again_is_told() -> None:
    buckets = TokenBuckets(0.5, 2)
    first, second, third = [await buckets.take("a", 0) for _ in range(3)]
    assert (first.remaining, first.reset_s, first.retry_after_s) == (1, 2, 0)
    assert (second.remaining, second.reset_s, second.retry_after_s) == (0, 4, 0)
    assert (third.limit, third.remaining, third.reset_s, third.retry_after_s) == (2, 0, 4, 2)
    assert not (await buckets.take("a", 2 * SECOND)).retry_after_s


async def test_ten_thousand_names_that_an_attacker_makes_up_take_no_more_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tenant that was asked last keeps what is left of its bucket."""
    monkeypatch.setattr(limiting, "BUCKETS_COUNT_MAX", 100)
    buckets = TokenBuckets(1.0, 2)
    for number in range(1_000):
        await buckets.take(f"made-up-{number}", number)
        allowed = await buckets.take("tenant", number)
    assert len(buckets) <= 100
    assert allowed.retry_after_s
    await buckets.take("later", 1_000 * SECOND)
    assert len(buckets) <= 100


async def test_a_full_bucket_is_let_go_before_one_that_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiting, "BUCKETS_COUNT_MAX", 2)
    buckets = TokenBuckets(1.0, 2)
    await buckets.take("full", 0)
    await buckets.take("a", 10 * SECOND)
    await buckets.take("b", 10 * SECOND)
    assert len(buckets) == 2
