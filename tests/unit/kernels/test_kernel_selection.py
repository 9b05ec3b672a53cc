from __future__ import annotations

import logging
from pathlib import Path

import pytest

from engram.kernels import selection, zig_backend
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import BackendUnavailable, InvalidRequest
from engram.setting_values import ISA_CHOICES


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the library where there is none, and forget what was said about it."""
    monkeypatch.setattr(zig_backend, "library_path", lambda: Path("absent.so"))
    monkeypatch.setattr(selection, "_said", [])


def test_auto_takes_zig_where_it_is_built() -> None:
    assert selection.select_backend("auto").name == "zig"


def test_numpy_is_given_when_asked_for() -> None:
    assert selection.select_backend("numpy").name == "numpy"


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="choose auto, "):
        selection.select_backend("fortran")


@pytest.mark.usefixtures("no_library")
def test_zig_by_name_and_missing_is_an_error() -> None:
    with pytest.raises(BackendUnavailable, match=r"absent\.so"):
        selection.select_backend("zig")


@pytest.mark.usefixtures("no_library")
def test_auto_falls_back_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "engram.kernels"):
        assert {selection.select_backend("auto").name for _ in range(3)} == {"numpy"}
    assert len(caplog.records) == 1
    assert "make kernels" in caplog.text


def test_a_level_is_forced_and_let_go_again() -> None:
    zig = ZigBackend()
    try:
        forced = selection.select_backend("zig", isa=zig.isa_levels[0])
        assert forced.isa == zig.isa_levels[0]
        assert selection.select_backend("auto").isa == zig.isa_levels[0], "auto leaves it as it is"
    finally:
        zig.select_isa("auto")
    assert zig.isa == zig.isa_levels[-1]


def test_a_level_this_machine_lacks_is_refused_with_those_it_has() -> None:
    zig = ZigBackend()
    absent = next(name for name in ISA_CHOICES[1:] if name not in zig.isa_levels)
    with pytest.raises(BackendUnavailable) as caught:
        selection.select_backend("zig", isa=absent)
    assert f"only {', '.join(zig.isa_levels)}; set ENGRAM_KERNELS_ISA" in str(caught.value)


def test_a_level_says_nothing_to_numpy() -> None:
    """Going back to numpy must not stumble over a level that was forced before."""
    assert selection.select_backend("numpy", isa="avx512").name == "numpy"
