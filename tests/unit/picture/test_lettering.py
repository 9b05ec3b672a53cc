"""Texts fit their boxes."""

from __future__ import annotations

import pytest

from engram.picture.lettering import cut, escaped, lines_of, width


@pytest.mark.parametrize(
    "text",
    [
        "a few plain words that go on for a while",
        "W" * 80,
        "\N{CJK UNIFIED IDEOGRAPH-65E5}" * 60,
        "e\N{COMBINING ACUTE ACCENT}" * 50,
        "mixed \N{CJK UNIFIED IDEOGRAPH-65E5}" + "x" * 70 + " end",
    ],
)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_no_line_is_wider_than_its_room(text: str, count: int) -> None:
    lines = lines_of(text, 100, 10, count)
    assert 1 <= len(lines) <= count
    assert max(width(line, 10) for line in lines) <= 100
    whole = "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert whole or lines[-1].endswith("\N{HORIZONTAL ELLIPSIS}")


def test_what_fits_is_left_as_it_is() -> None:
    assert lines_of("two words", 100, 10, 2) == ["two words"]
    assert lines_of("  ", 100, 10, 2) == []
    assert cut("short", 100, 10) == "short"
    assert cut("short", 100, 10, is_more=True) == "short\N{HORIZONTAL ELLIPSIS}"


def test_a_wide_character_takes_its_place_even_where_there_is_no_room() -> None:
    assert lines_of("WW", 1, 10, 3) == ["W", "W"]


def test_what_xml_cannot_hold_is_left_out() -> None:
    assert escaped("a\x00<&>\"'\ud800\u202e\ufffe b\n") == "a&lt;&amp;&gt;&quot;&#39; b\n"
