"""The conformance suite, run where the kernels stand: a wrong one is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engram import doctor
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.shadow import ShadowBackend
from engram.settings import Settings
from engram.testing.kernels import vectors

Pair = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


class Wrong(NumpyBackend):
    """The numpy kernels, their scores a little too high."""

    def top_k_f32(self, *arguments: Any, **named: Any) -> Pair:
        """Answer wrongly."""
        scores, rows = super().top_k_f32(*arguments, **named)
        return scores + np.float32(1e-3), rows


def test_a_wrong_kernel_fails_its_checks_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "make_kernels", lambda _: Wrong())
    monkeypatch.setattr(doctor, "CHECKS", (vectors.check_masks, vectors.check_norms))
    masks, norms = doctor.verify_kernels(Settings())
    assert (masks.check, masks.state, norms.state) == ("vectors", "fail", "ok")
    assert "masks: numpy (numpy) computes wrongly here: each score is that of its row" in (
        masks.detail
    )
    assert "ENGRAM_KERNELS=numpy" in masks.remedy


def test_a_shadow_that_saw_a_difference_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    shadow = ShadowBackend(Wrong(), NumpyBackend(), 1.0)
    monkeypatch.setattr(doctor, "make_kernels", lambda _: shadow)
    monkeypatch.setattr(doctor, "CHECKS", (vectors.check_cancelled,))
    checked, seen = doctor.verify_kernels(Settings())
    assert (checked.state, seen.check, seen.state) == ("ok", "shadow", "fail")
    assert "calls were compared with numpy, 2 differ" in seen.detail
