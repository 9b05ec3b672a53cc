"""Filters as mem0 writes them: whose memories, and what their metadata says."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

SCOPES: Final = ("user_id", "agent_id", "run_id")
_ANY: Final = "*"
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def scope_of(**ids: object) -> dict[str, str]:
    """Return the ids that are given, trimmed; ValueError when one is empty or has a space in it."""
    found = {}
    for name, value in ids.items():
        if value is None:
            continue
        text = str(value).strip()
        if not text or any(character.isspace() for character in text):
            raise ValueError(f"Invalid {name}: {value!r}; it must be a word, without any space")
        found[name] = text
    return found


def split_filters(filters: Mapping[str, Any] | None) -> tuple[dict[str, str], dict[str, Any]]:
    """Return whose memories are asked for, and the other conditions.

    ValueError when no id is among them.
    """
    given = dict(filters or {})
    scope = scope_of(**{name: given.pop(name) for name in SCOPES if name in given})
    if not scope:
        raise ValueError(
            "filters must contain at least one of: user_id, agent_id, run_id. "
            "Example: filters={'user_id': 'u1'}"
        )
    return scope, given


def passes(payload: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Whether what is known of a memory meets all conditions.

    A condition is a value, `"*"` (any), a list of values, or operators: eq, ne, in, nin, gt, gte,
    lt, lte, contains, icontains; AND, OR and NOT take lists of filters. ValueError names others.
    """
    return all(_meets(payload, name, wanted) for name, wanted in filters.items())


def _meets(payload: Mapping[str, Any], name: str, wanted: Any) -> bool:
    match name:
        case "AND":
            return all(passes(payload, each) for each in wanted)
        case "OR":
            return any(passes(payload, each) for each in wanted)
        case "NOT":
            return not any(passes(payload, each) for each in wanted)
    value = payload.get(name)
    if isinstance(wanted, Mapping):
        return all(_holds(value, operator_, bound) for operator_, bound in wanted.items())
    if isinstance(wanted, list):
        return _among(value, wanted)
    return value is not None if wanted == _ANY else _among(value, [wanted])


def _holds(value: Any, name: str, bound: Any) -> bool:
    if name in _ORDERS:
        numbers = _is_number(value) and _is_number(bound)
        texts = isinstance(value, str) and isinstance(bound, str)
        return (numbers or texts) and _ORDERS[name](value, bound)
    match name:
        case "eq" | "ne":
            return _among(value, [bound]) == (name == "eq")
        case "in" | "nin":
            return _among(value, bound) == (name == "in")
        case "contains":
            return isinstance(value, str | list) and bound in value
        case "icontains":
            return isinstance(value, str) and str(bound).casefold() in value.casefold()
    raise ValueError(f"Unsupported metadata filter operator: {name}")


def _among(value: Any, wanted: list[Any]) -> bool:
    """Whether a value, or one of a list, is one of those; true is no 1."""
    held = value if isinstance(value, list) else [value]
    return any(
        one == other and isinstance(one, bool) == isinstance(other, bool)
        for one in held
        for other in wanted
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
