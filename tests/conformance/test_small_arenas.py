"""With arenas of 4 KiB no kernel is ever wrong: it takes the heap, or says what it needs."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

import pytest

from engram.kernels.arena import (
    arena_stats,
    configure_arena,
    deinit_thread_arena,
    reset_arena_metrics,
    reset_arenas,
)
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import ArenaExhausted
from engram.model.limits import ARENA_BYTES_MIN
from engram.testing.kernels import codes, sketches, words
from engram.testing.kernels.suite import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engram.kernels.protocol import KernelBackend

# The families whose kernels take scratch memory.
CHECKS_WITH_ARENAS = (*codes.CHECKS, *sketches.CHECKS, *words.CHECKS)


@pytest.fixture(autouse=True)
def small_arenas() -> Iterator[None]:
    """Give every thread the smallest arena there is, and put back what was."""
    before = arena_stats()
    configure_arena(size_bytes=ARENA_BYTES_MIN, overflow="error")
    deinit_thread_arena()
    reset_arena_metrics()
    yield
    configure_arena(size_bytes=before.size_bytes, overflow=before.overflow)
    reset_arenas()


def test_the_heap_serves_what_does_not_fit() -> None:
    configure_arena(overflow="fallback")
    for check in CHECKS_WITH_ARENAS:
        check(ZigBackend())
    stats = arena_stats()
    assert stats.overflows > 0
    assert stats.fallback_bytes > ARENA_BYTES_MIN


def passes_in_the_end(check: Callable[[KernelBackend], None]) -> int:
    """Run a check, setting the size each refusal names; return how many refusals there were."""
    for refusals in range(10):
        try:
            check(ZigBackend())
        except ArenaExhausted as error:
            configure_arena(size_bytes=error.size_to_set_bytes)
        else:
            return refusals
    pytest.fail(f"{check.__name__} is refused again and again")


def test_a_kernel_without_room_says_how_much_it_needs_and_then_answers() -> None:
    refusals = []
    for check in CHECKS_WITH_ARENAS:
        configure_arena(size_bytes=ARENA_BYTES_MIN)
        refusals.append(passes_in_the_end(check))
    assert sum(refusals) > 0


@pytest.mark.prove
def test_32_threads_for_a_minute_are_never_wrong_and_leave_nothing() -> None:
    configure_arena(overflow="fallback")
    before = arena_stats()
    seed = time.time_ns()
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    deadline = time.monotonic() + 60
    failures: list[BaseException] = []
    done: list[str] = []

    def work(number: int) -> None:
        chance = random.Random(seed + number)  # noqa: S311 - not a secret
        try:
            while time.monotonic() < deadline and not failures:
                check = chance.choice(CHECKS)
                check(ZigBackend())
                done.append(check.__name__)
        except BaseException as error:  # noqa: BLE001 - raised in the test below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    while arena_stats().threads_alive > before.threads_alive and time.monotonic() < deadline + 10:
        time.sleep(0.01)  # before Python 3.13 `join` returns a little early
    after = arena_stats()
    assert len(done) > len(threads)
    assert after.threads_alive == before.threads_alive
    assert after.arenas_created - before.arenas_created == after.arenas_freed - before.arenas_freed
