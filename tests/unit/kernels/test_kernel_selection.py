from __future__ import annotations

import logging
from pathlib import Path

import pytest

from engram.kernels import selection, zig_backend
from engram.model.errors import BackendUnavailable, InvalidRequest


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
    with pytest.raises(InvalidRequest, match="choose auto, zig, numpy"):
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
