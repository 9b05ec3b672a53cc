"""What callers give in place of plain values: arrays, mappings, anything to iterate over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return what has no JSON of its own as something that has; TypeError when nothing does."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} {value!r} is nothing that JSON can hold")
