"""What the settings say about kernels holds once they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engram.kernels.arena import arena_stats, configure_arena
from engram.kernels.selection import make_kernels
from engram.kernels.zig_backend import ZigBackend
from engram.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put back level and arenas, which belong to the process."""
    before = arena_stats()
    yield
    configure_arena(size_bytes=before.size_bytes, overflow=before.overflow)
    ZigBackend().select_isa("auto")


def test_the_arenas_are_configured_with_the_zig_kernels() -> None:
    make_kernels(Settings(kernels="zig", arena_size=8192, arena_overflow="fallback"))
    assert arena_stats()[:2] == (8192, "fallback")


def test_what_the_settings_do_not_say_stays_as_a_program_set_it() -> None:
    configure_arena(size_bytes=8192, overflow="fallback")
    make_kernels(Settings(kernels="zig"))
    assert arena_stats()[:2] == (8192, "fallback")


def test_numpy_leaves_arenas_and_level_alone() -> None:
    before = arena_stats()[:2]
    settings = Settings(kernels="numpy", arena_size=8192, kernels_isa="neon")
    assert make_kernels(settings).name == "numpy"
    assert arena_stats()[:2] == before


def test_a_name_given_wins_over_the_settings() -> None:
    assert make_kernels(Settings(kernels="zig"), "numpy").name == "numpy"


def test_a_level_is_forced() -> None:
    lowest = ZigBackend().isa_levels[0]
    assert make_kernels(Settings(kernels="zig", kernels_isa=lowest)).isa == lowest
