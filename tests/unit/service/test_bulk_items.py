"""Bare texts of a bulk load become the columns that commands would become."""

from __future__ import annotations

import numpy as np
import pytest

from engram.model.errors import InvalidRequest
from engram.model.limits import BATCH_COUNT_MAX, CONTENT_BYTES_MAX
from engram.service.bulk_items import Commands, Texts, checked


class _NoEntropy:
    def token(self, bytes_count: int) -> bytes:
        return bytes(bytes_count)


def _both(items: list[str]) -> tuple[Texts, Commands]:
    """Return the items as texts, and as the commands that a request with a key takes."""
    texts, commands = (
        checked(items, _NoEntropy(), vectors_given=True, keyed=keyed) for keyed in (False, True)
    )
    assert isinstance(texts, Texts)
    assert isinstance(commands, Commands)
    return texts, commands


@pytest.mark.parametrize("dimensions", [0, 3])
def test_texts_become_the_columns_that_commands_become(dimensions: int) -> None:
    texts, commands = _both(["one", "zwei \u00fc", "", "one", "\U0001f600"])
    part = slice(1, 5)
    rows = np.arange(4 * dimensions, dtype=np.float32).reshape(4, dimensions)
    norms = np.array([1.0, 0.5, 0.25, 2.0], np.float32)
    given = (rows, norms, "maker") if dimensions else (None, None, "")
    assert texts.columns(part, *given) == commands.columns(part, *given)
    assert texts.texts(part) == commands.texts(part)
    assert texts.items_count == commands.items_count == 5


@pytest.mark.parametrize("vector_bytes", [0, 1536, 16_384])
def test_texts_are_cut_where_commands_are_cut(vector_bytes: int) -> None:
    lengths = [0, 1, 90_000, 7, 50_000, CONTENT_BYTES_MAX] * 40 + [3] * (BATCH_COUNT_MAX + 1)
    texts, commands = _both(["x" * length for length in lengths])
    parts = texts.parts(vector_bytes)
    assert parts == commands.parts(vector_bytes)
    assert len(parts) > 1


@pytest.mark.parametrize("bad", ["\ud800", "x" * (CONTENT_BYTES_MAX + 1), "", 7, None])
def test_an_item_that_breaks_a_rule_is_named(bad: str) -> None:
    with pytest.raises(InvalidRequest, match="item 1: "):
        checked(["a", bad, "b"], _NoEntropy(), vectors_given=False, keyed=False)


def test_no_items_are_no_texts() -> None:
    assert checked([], _NoEntropy(), vectors_given=False, keyed=False).parts(4) == []
