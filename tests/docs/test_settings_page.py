"""The page about settings lists every key and variable; `python -m` of this module renews it."""

from __future__ import annotations

import re
from pathlib import Path

from engram.config.file import read_text
from engram.config.keys import KEYS, SETTINGS, variable
from engram.settings import Settings, load_settings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
MARKER = "<!-- keys -->\n"


def renewed(text: str) -> str:
    """Return the page with its table of keys as it is to be."""
    before, marker, after = text.partition(MARKER)
    rows = [f"| `{key}` | `{variable(setting)}` |\n" for key, setting in SETTINGS.items()]
    head = "| key | variable |\n|---|---|\n"
    return "".join([before, marker, head, *rows, re.sub(r"\A(?:\|.*\n)*", "", after)])


def test_the_page_lists_every_key() -> None:
    text = PAGE.read_text("utf-8")
    assert renewed(text) == text


def test_every_setting_has_one_key() -> None:
    assert sorted(SETTINGS.values()) == sorted(Settings.__struct_fields__)
    assert len(KEYS) == len(SETTINGS)


def test_the_example_can_be_read() -> None:
    """It says what the page says of it, for one who has a home."""
    (example,) = re.findall(
        r"^```toml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    found = read_text(example, Path("config.toml"), {"HOME": "/h"})
    settings = load_settings({}, found)
    assert settings.data_root == "/h/memories"
    assert settings.hot_capacity.of("production") == 500_000
    assert (settings.linker, settings.access, settings.jwt_secret) == (False, True, "")


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
