from __future__ import annotations

import pytest

from engram.model.errors import InvalidRequest
from engram.setting_values import bytes_of, seconds_of
from engram.settings import Settings, load_settings


def test_arguments_win_over_the_environment_and_it_over_defaults() -> None:
    environment = {"ENGRAM_KERNELS": "numpy", "ENGRAM_EMBEDDER": "minilm", "ENGRAM_DATA_ROOT": ""}
    settings = load_settings(environment, embedder="none", data_root=None)
    assert settings == Settings(kernels="numpy", embedder="none")


def test_a_kernel_backend_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest, match="'cuda' is not one of auto, zig, numpy, shadow"):
        load_settings({"ENGRAM_KERNELS": "cuda"})


def test_whether_a_write_creates_its_space_is_on_or_off() -> None:
    assert load_settings({}).create_on_write is True
    assert load_settings({"ENGRAM_CREATE_ON_WRITE": "off"}).create_on_write is False
    with pytest.raises(InvalidRequest, match="'no' is not one of on, off"):
        load_settings({"ENGRAM_CREATE_ON_WRITE": "no"})


def test_a_space_id_in_the_environment_keeps_the_rule() -> None:
    with pytest.raises(InvalidRequest, match="breaks the rule"):
        load_settings({"ENGRAM_MEMORY_SPACE": "My Space"})


def test_the_data_path_has_its_home_expanded() -> None:
    assert "~" not in str(Settings(data_root="~/x").data_path)


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load_settings({"ENGRAM_KERNELS_ISA": "sse9", "ENGRAM_ARENA_OVERFLOW": "explode"})
    assert [violation.partition("=")[0] for violation in caught.value.violations] == [
        "ENGRAM_KERNELS_ISA",
        "ENGRAM_ARENA_OVERFLOW",
    ]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("512KiB", 512 << 10),
        ("4MiB", 4 << 20),
        ("4 mib", 4 << 20),
        ("1GiB", 1 << 30),
    ],
)
def test_a_size_is_read_in_bytes_or_binary_units(text: str, size: int) -> None:
    assert load_settings({"ENGRAM_ARENA_SIZE": text}).arena_size == bytes_of(text) == size


@pytest.mark.parametrize("text", ["4MB", "-1", "1.5MiB", "many", "100", "2GiB", "٤٠٩٦"])
def test_a_size_that_is_none_or_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="ENGRAM_ARENA_SIZE"):
        load_settings({"ENGRAM_ARENA_SIZE": text})


def test_what_is_not_set_about_arenas_leaves_them_as_they_are() -> None:
    assert (load_settings({}).arena_size, load_settings({}).arena_overflow) == (None, None)


@pytest.mark.parametrize("text", ["0", "1.5", "-0.1", "nan", "often"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="ENGRAM_KERNELS_SHADOW_SHARE"):
        load_settings({"ENGRAM_KERNELS_SHADOW_SHARE": text})
    assert load_settings({"ENGRAM_KERNELS_SHADOW_SHARE": "0.5"}).kernels_shadow_share == 0.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("30m", 1800), ("12 h", 43_200), ("7D", 604_800)],
)
def test_a_history_is_kept_for_seconds_minutes_hours_or_days(text: str, seconds: int) -> None:
    settings = load_settings({"ENGRAM_HISTORY_RETENTION": text})
    assert settings.history_retention == seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["a week", "-1d", "1.5h", "3651d", "7dd", "\u0667d"])
def test_a_history_of_no_duration_or_without_end_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="ENGRAM_HISTORY_RETENTION"):
        load_settings({"ENGRAM_HISTORY_RETENTION": text})


def test_a_capacity_holds_for_every_space_but_those_named() -> None:
    settings = load_settings({"ENGRAM_HOT_CAPACITY": "50000, production=200000"})
    assert settings.capacities_of("production")[:3] == (200_000, 1_000_000, 10_000_000)
    assert settings.capacities_of("default")[:3] == (50_000, 1_000_000, 10_000_000)


@pytest.mark.parametrize("text", ["many", "-1", "1e5", "a=5", "5,My Space=6", "2000000000"])
def test_a_capacity_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="ENGRAM_COLD_CAPACITY"):
        load_settings({"ENGRAM_COLD_CAPACITY": text})


def test_a_budget_too_small_to_work_with_is_refused() -> None:
    assert load_settings({"ENGRAM_MEMORY_BUDGET": "64MiB"}).memory_budget == 64 << 20
    with pytest.raises(InvalidRequest, match="below 32MiB"):
        load_settings({"ENGRAM_MEMORY_BUDGET": "16MiB"})


def test_the_linker_is_switched_on_or_off() -> None:
    assert load_settings({}).linker
    assert not load_settings({"ENGRAM_LINKER": "off"}).linker
    with pytest.raises(InvalidRequest, match="'no' is not one of on, off"):
        load_settings({"ENGRAM_LINKER": "no"})


def test_what_a_statement_may_cost_is_a_number_of_milliseconds() -> None:
    assert load_settings({}).query_budget_ms == 10_000
    assert load_settings({"ENGRAM_QUERY_BUDGET_MS": "2.5"}).query_budget_ms == 2.5
    for text in ("0", "-1", "inf", "nan", "soon"):
        with pytest.raises(InvalidRequest, match=r"ENGRAM_QUERY_BUDGET_MS.* milliseconds above 0"):
            load_settings({"ENGRAM_QUERY_BUDGET_MS": text})
