"""Long writes go to the disk the quicker way, and are the same bytes either way."""

from __future__ import annotations

import os
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from engram.adapters.local.filesystem import LocalFilesystem
from engram.adapters.local.long_writes import (
    BLOCK_BYTES,
    LONG_BYTES_MIN,
    LongWrites,
    open_past_the_cache,
    takes,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nobody else has O_DIRECT")


class _Clock:
    """Stands still until a way of writing moves it."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def _buffers(bytes_count: int) -> list[bytes | memoryview]:
    """Return so many bytes in buffers that begin and end anywhere."""
    data = os.urandom(bytes_count)
    cuts = [0, 64, 70_001, bytes_count // 2 + 7, bytes_count]
    return [memoryview(data)[first:last] for first, last in pairwise(cuts)]


def test_long_writes_are_read_back_whichever_way_they_went(tmp_path: Path) -> None:
    filesystem = LocalFilesystem(tmp_path)
    handle = filesystem.create_exclusive("f")
    filesystem.write_at(handle, 0, [bytes(3 * BLOCK_BYTES)])
    offset, expected = BLOCK_BYTES, bytearray(BLOCK_BYTES)
    for number in range(6):
        buffers = _buffers(LONG_BYTES_MIN + number * 100 * BLOCK_BYTES)
        filesystem.write_durably(handle, offset, buffers, "sync")
        filesystem.write_durably(handle, offset, [b"short"], "sync")
        written = b"short" + b"".join(buffers)[5:]
        expected += written
        offset += len(written)
        assert filesystem.read_at(handle, 0, offset) == expected
    handle.close()


def test_what_ends_within_a_block_is_no_long_write() -> None:
    whole = [bytes(LONG_BYTES_MIN)]
    assert takes(BLOCK_BYTES, whole)
    assert not takes(BLOCK_BYTES + 512, whole)
    assert not takes(0, [*whole, b"x"])
    assert not takes(0, [bytes(BLOCK_BYTES)])


def test_both_ways_are_tried_then_the_quicker_one_and_ever_more_seldom_the_other(
    tmp_path: Path,
) -> None:
    clock = _Clock()
    writes, path, data = LongWrites(clock), tmp_path / "f", bytes(LONG_BYTES_MIN)
    through: list[int] = []

    def otherwise(number: int) -> None:
        through.append(number)
        clock.now += 1_000_000

    path.touch()
    plain = os.open(path, os.O_RDWR)
    descriptor = open_past_the_cache(plain)
    if descriptor is None:
        pytest.skip("the medium under the tests has no writes past the cache")
    for number in range(100):  # on this clock those past the cache take no time
        writes.write(descriptor, 0, [data], partial(otherwise, number))
    assert through == [0, 2, 4, 32, 96]
    assert path.read_bytes() == data
    os.close(descriptor)
    os.close(plain)


def test_a_medium_that_refuses_such_a_write_gets_another(tmp_path: Path) -> None:
    path = tmp_path / "f"
    written = []
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    writes = LongWrites()
    for _ in range(4):
        # An offset within a block stands for a medium that wants more than this one.
        writes.write(descriptor, 100, [bytes(LONG_BYTES_MIN)], lambda: written.append(1))
    os.close(descriptor)
    assert len(written) == 4
