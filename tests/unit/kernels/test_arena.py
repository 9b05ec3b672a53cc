"""Arenas: sized, watched, freed with their threads; what does not fit is never silent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from engram.kernels.arena import (
    ArenaStats,
    arena_stats,
    configure_arena,
    deinit_thread_arena,
    probe_arena,
    reset_arena_metrics,
    reset_arenas,
)
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import ArenaExhausted, InvalidRequest
from engram.model.limits import ARENA_BYTES_DEFAULT, ARENA_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def fresh_arenas() -> Iterator[None]:
    """Give each test arenas of 4 KiB, nothing counted, and put back what was."""
    before = arena_stats()
    configure_arena(size_bytes=4096, overflow="error")
    deinit_thread_arena()
    reset_arena_metrics()
    yield
    configure_arena(size_bytes=before.size_bytes, overflow=before.overflow)
    reset_arenas()


def own_mark() -> int:
    """Return the high-water mark of this thread."""
    threads = {thread.thread_id: thread for thread in arena_stats().threads}
    return threads[threading.get_native_id()].high_water_bytes


def in_threads(count: int, work: Callable[[threading.Barrier], None]) -> None:
    """Run `work` in that many threads, and wait for their end."""
    barrier = threading.Barrier(count)
    threads = [threading.Thread(target=work, args=(barrier,)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def stats_once_gone(ids: set[int]) -> ArenaStats:
    """Return the numbers when none of these threads is left.

    Before Python 3.13 `join` returns while the thread may still be on its way out.
    """
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        stats = arena_stats()
        if not any(thread.thread_id in ids for thread in stats.threads):
            break
        os.sched_yield()
    return stats


def test_a_call_that_fits_leaves_its_mark_and_an_empty_arena() -> None:
    probe_arena(4096)
    probe_arena(100)
    stats = arena_stats()
    assert (stats.takes, stats.resets, stats.overflows, stats.fallback_bytes) == (2, 2, 0, 0)
    assert own_mark() == stats.high_water_bytes == 4096


def test_what_does_not_fit_raises_with_the_size_to_set() -> None:
    with pytest.raises(ArenaExhausted) as caught:
        probe_arena(10_000)
    assert (caught.value.needed_bytes, caught.value.size_bytes) == (10_048, 4096)
    assert "set ENGRAM_ARENA_SIZE=16384 or ENGRAM_ARENA_OVERFLOW=fallback" in str(caught.value)
    assert arena_stats().overflows == 1
    assert own_mark() == 10_048, "the mark says what would have sufficed"


def test_the_size_the_error_names_suffices() -> None:
    with pytest.raises(ArenaExhausted) as caught:
        probe_arena(10_000)
    configure_arena(size_bytes=caught.value.size_to_set_bytes)
    probe_arena(10_000)


def test_a_number_no_machine_has_is_refused_and_not_wrapped() -> None:
    with pytest.raises(ArenaExhausted):
        probe_arena(2**64 - 1)


def test_fallback_takes_the_heap_and_counts() -> None:
    configure_arena(overflow="fallback")
    probe_arena(10_000)
    stats = arena_stats()
    assert (stats.overflows, stats.fallback_bytes, stats.high_water_bytes) == (1, 10_000, 10_048)


def test_panic_ends_the_process_with_the_message_of_the_error() -> None:
    program = (
        "from engram.kernels.arena import configure_arena, probe_arena\n"
        "configure_arena(size_bytes=4096, overflow='panic')\n"
        "probe_arena(10_000)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode != 0
    assert str(ArenaExhausted(10_048, 4096)) in done.stderr


def test_two_hundred_threads_end_and_every_arena_is_freed() -> None:
    before = arena_stats()
    ours: set[int] = set()
    alive: list[int] = []

    def work(barrier: threading.Barrier) -> None:
        probe_arena(1000)
        ours.add(threading.get_native_id())
        if barrier.wait() == 0:
            alive.append(sum(thread.thread_id in ours for thread in arena_stats().threads))
        barrier.wait()

    in_threads(200, work)
    after = stats_once_gone(ours)
    assert alive == [200]
    assert after.arenas_created - before.arenas_created == 200
    # Threads of earlier tests may be there still, and end meanwhile.
    left = sum(thread.reserved_bytes > 0 for thread in after.threads)
    assert after.arenas_created - after.arenas_freed == left
    assert after.takes == 200, "what dead threads did still counts"
    assert after.high_water_bytes == 1024, "and so do their marks"


def test_a_larger_size_holds_for_threads_that_have_an_arena_already() -> None:
    def work(barrier: threading.Barrier) -> None:
        probe_arena(100)
        if barrier.wait() == 0:
            configure_arena(size_bytes=16_384)
        barrier.wait()
        probe_arena(16_384)

    in_threads(3, work)
    assert arena_stats().high_water_bytes == 16_384
    assert arena_stats().overflows == 0


def test_resetting_arenas_frees_those_of_idle_threads() -> None:
    reserved: list[int] = []

    def work(barrier: threading.Barrier) -> None:
        probe_arena(100)
        if barrier.wait() == 0:
            reserved.append(arena_stats().reserved_bytes)
            reset_arenas()
            reserved.append(arena_stats().reserved_bytes)
        barrier.wait()
        probe_arena(100)

    in_threads(3, work)
    assert reserved == [3 * 4096, 0]


def test_metrics_start_again_without_touching_arenas() -> None:
    probe_arena(100)
    reset_arena_metrics()
    stats = arena_stats()
    assert (stats.takes, stats.resets, stats.high_water_bytes) == (0, 0, 0)
    assert stats.reserved_bytes == 4096
    probe_arena(64)
    assert own_mark() == 64


def test_a_thread_may_free_its_arena_before_it_ends() -> None:
    probe_arena(100)
    deinit_thread_arena()
    assert threading.get_native_id() not in {t.thread_id for t in arena_stats().threads}
    deinit_thread_arena()
    probe_arena(100)
    assert own_mark() == 128


def test_a_size_or_policy_there_is_not_is_refused_and_changes_nothing() -> None:
    with pytest.raises(InvalidRequest, match=r"an arena of 100 bytes .*; overflow 'explode'"):
        configure_arena(size_bytes=100, overflow="explode")
    with pytest.raises(InvalidRequest):
        configure_arena(size_bytes=ARENA_BYTES_MAX + 1)
    assert arena_stats()[:2] == (4096, "error")


def test_the_size_is_rounded_up_to_whole_cache_lines() -> None:
    configure_arena(size_bytes=4097)
    assert arena_stats().size_bytes == 4160


def test_the_default_is_what_the_library_begins_with() -> None:
    program = "from engram.kernels.arena import arena_stats; print(arena_stats().size_bytes)"
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert int(done.stdout) == ARENA_BYTES_DEFAULT


def test_every_loaded_library_is_asked_for_the_refusal() -> None:
    """A second handle of the same library is no second library."""
    ZigBackend()
    with pytest.raises(ArenaExhausted):
        probe_arena(5000)
    with pytest.raises(ArenaExhausted, match="8128 bytes"):
        probe_arena(8100)
