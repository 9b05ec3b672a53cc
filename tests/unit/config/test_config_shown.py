"""Settings are shown as they would be written."""

from __future__ import annotations

import pytest

from engram.config.shown import shown, written
from engram.settings import SECRETS, Settings, load_settings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("memory_budget", "512MiB"), ("arena_size", "8191"), ("scrub_bytes_per_s", "0"),
        ("checkpoint_log_bytes", "1GiB"), ("history_retention", "90m"), ("history_retention", "0"),
        ("history_retention", "12h"), ("hot_capacity", "5,a=6,b=7"), ("linker", "off"),
        ("access", "on"), ("rate_limit", "2.5"), ("http_port", "0"), ("memory_space", "work"),
    ],
)  # fmt: skip
def test_what_is_shown_can_be_written(name: str, text: str) -> None:
    settings = load_settings({}, None, **{name: text})
    assert written(name, getattr(settings, name)) == text


@pytest.mark.parametrize("name", Settings.__struct_fields__)
def test_every_default_can_be_written_again(name: str) -> None:
    text = shown(Settings(), name)
    if text is not None:
        assert getattr(load_settings({}, None, **{name: text}), name) == getattr(Settings(), name)


def test_every_secret_is_masked() -> None:
    values = dict.fromkeys(SECRETS, "x" * 40)
    settings = load_settings({}, None, **values)
    assert {shown(settings, name) for name in SECRETS} == {"***"}
