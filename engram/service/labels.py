"""Labels a caller wrote, checked: short texts to filter by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from engram.model.limits import LABEL_CHARACTERS_MAX


def label(field: str, value: object, violations: list[str]) -> str | None:
    """Return a label, None for none; a broken rule is added to `violations`."""
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= LABEL_CHARACTERS_MAX:
        violations.append(f"{field} must be text of 1 to {LABEL_CHARACTERS_MAX} characters")
        return None
    if not encodes(value):
        violations.append(f"{field} holds a lone surrogate, which is no text")
        return None
    return value


def encodes(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def labels(
    field: str, one: str, value: object, count_max: int, violations: list[str]
) -> tuple[str, ...]:
    """Return distinct labels in the order given; broken rules are added to `violations`."""
    if isinstance(value, str):
        violations.append(f"{field} must be a list of texts, not one text; use [{value!r}]")
        return ()
    try:
        distinct = tuple(dict.fromkeys(cast("Sequence[str]", value)))
    except TypeError:
        violations.append(f"{field} is {type(value).__name__}, not a list of texts")
        return ()
    if len(distinct) > count_max:
        violations.append(f"{len(distinct)} {field}; a memory has at most {count_max}")
        return ()
    return tuple(each for each in distinct if label(one, each, violations) is not None)
