"""Conditions on the fields of an item, as LangGraph writes them: `{"age": {"$gte": 18}}`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from engram.model.errors import InvalidRequest

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_KNOWN: Final = ("$eq", "$ne", *_ORDERS)


def matches(value: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Whether the fields of a value meet all conditions.

    Numbers and texts have an order among their like; a field that is not there has none and is
    unequal to all but None. Raises InvalidRequest for an operator that is not there.
    """
    return all(_meets(value.get(name), wanted) for name, wanted in conditions.items())


def _meets(value: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        if any(str(name).startswith("$") for name in wanted):
            return all(_holds(value, str(name), bound) for name, bound in wanted.items())
        return isinstance(value, Mapping) and matches(value, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(wanted)
            and all(map(_meets, value, wanted))
        )
    return _equal(value, wanted)


def _holds(value: object, name: str, bound: object) -> bool:
    if name == "$eq":
        return _meets(value, bound)
    if name == "$ne":
        return not _meets(value, bound)
    if name not in _ORDERS:
        raise InvalidRequest(f"a filter has no operator {name!r}; there are {', '.join(_KNOWN)}")
    comparable = (_is_number(value) and _is_number(bound)) or (
        isinstance(value, str) and isinstance(bound, str)
    )
    return comparable and _ORDERS[name](value, bound)


def _equal(value: object, wanted: object) -> bool:
    """Whether two scalars are equal; as in JSON, true is no 1."""
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def pushed_down(conditions: Mapping[str, Any], under: str) -> dict[str, object]:
    """Return what of the conditions the engine can decide: no less passes it than passes them.

    Args:
        conditions: as for `matches`.
        under: the field of the metadata that holds the value.
    """
    found: dict[str, object] = {}
    for name, wanted in conditions.items():
        path = f"{under}.{name}"
        if "." in name:
            continue  # a dot leads into an object there
        if isinstance(wanted, Mapping):
            bounds = {
                key.removeprefix("$"): bound
                for key, bound in wanted.items()
                if key in _ORDERS and (isinstance(bound, str) or _is_finite(bound))
            }
            if bounds:
                found[path] = bounds
        elif isinstance(wanted, str | bool) or _is_finite(wanted):
            found[path] = wanted
    return found


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and _is_number(value) and math.isfinite(value)
