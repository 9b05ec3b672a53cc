from __future__ import annotations

import pytest

from engram.model.errors import InvalidRequest
from engram.settings import Settings, load_settings


def test_arguments_win_over_the_environment_and_it_over_defaults() -> None:
    environment = {"ENGRAM_KERNELS": "numpy", "ENGRAM_EMBEDDER": "minilm", "ENGRAM_DATA_ROOT": ""}
    settings = load_settings(environment, embedder="none", data_root=None)
    assert settings == Settings(kernels="numpy", embedder="none")


def test_a_kernel_backend_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="'cuda' is not one of auto, zig, numpy"):
        load_settings({"ENGRAM_KERNELS": "cuda"})


def test_a_space_id_in_the_environment_keeps_the_rule() -> None:
    with pytest.raises(InvalidRequest, match="breaks the rule"):
        load_settings({"ENGRAM_MEMORY_SPACE": "My Space"})


def test_the_data_path_has_its_home_expanded() -> None:
    assert "~" not in str(Settings(data_root="~/x").data_path)
