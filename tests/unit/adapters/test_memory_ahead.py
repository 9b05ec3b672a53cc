"""Memory provided before it is written to."""

from __future__ import annotations

import platform
import sys
import threading

import numpy as np
import pytest

from engram.adapters.local.memory_ahead import provide


def _wait_for_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == "memory ahead":
            thread.join()


def test_what_buffers_hold_stays_as_it_is() -> None:
    array = np.arange(100_000, dtype=np.uint32)
    provide([array.data.cast("B")[10:300_001], memoryview(bytearray())])
    _wait_for_threads()
    assert np.array_equal(array, np.arange(100_000, dtype=np.uint32))


def _can_be_asked() -> bool:
    """Whether this is Linux 5.14 or later, which has a call for it."""
    return sys.platform == "linux" and tuple(map(int, platform.release().split(".")[:2])) >= (5, 14)


@pytest.mark.skipif(not _can_be_asked(), reason="the system provides a page when it is touched")
def test_the_pages_of_a_buffer_are_there_before_anybody_writes_to_it() -> None:
    resource = pytest.importorskip("resource")
    array = np.empty(8 << 20, np.uint8)
    provide([array.data])
    _wait_for_threads()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    array[::4096] = 1
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert faults < 64
