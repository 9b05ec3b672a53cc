"""Lists of memory ids are read at once, and say what one that is none of them says."""

from __future__ import annotations

import pytest

from engram.model.errors import InvalidRequest
from engram.model.ids import MemoryId, format_id, format_ids, mint_id, parse_id, parse_ids

_IDS = [mint_id(1_790_000_000_000_000_000 + n, bytes(range(n, n + 10))) for n in range(40)]
_TEXTS = [format_id(*each) for each in _IDS]


def halves(raw: bytes) -> list[MemoryId]:
    return [
        MemoryId(int.from_bytes(raw[at : at + 8]), int.from_bytes(raw[at + 8 : at + 16]))
        for at in range(0, len(raw), 16)
    ]


def test_ids_are_what_each_of_them_is() -> None:
    assert halves(parse_ids(_TEXTS)) == _IDS
    assert parse_ids([]) == b""


def test_many_ids_are_written_as_one_is() -> None:
    assert format_ids(parse_ids(_TEXTS)) == _TEXTS
    assert format_ids(b"") == []


def test_ids_may_be_written_in_other_ways() -> None:
    others = [_TEXTS[0].upper(), _TEXTS[1].replace("-", ""), _TEXTS[2]]
    assert halves(parse_ids(others)) == _IDS[:3] == [parse_id(text) for text in others]


@pytest.mark.parametrize(
    "texts",
    [
        ["no id"],
        [""],
        [" ".join(_TEXTS[:2])],
        [f"{_TEXTS[0]} {_TEXTS[1]}", ""],
        [_TEXTS[0], 7],
        [_TEXTS[0][:-1] + "٣"],
    ],
)
def test_what_is_no_id_is_named(texts: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="is not a UUID"):
        parse_ids(texts)
