"""Conditions that filters of a recall express: those cost less, as they are judged in columns.

What holds together is taken apart; what no filter says, or says already otherwise, stays a
condition beside the filters.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engram.model.conditions import (
    METADATA,
    AllOf,
    Among,
    Between,
    Compare,
    Condition,
    Has,
    Moment,
    Not,
)
from engram.model.cue import NO_FILTERS, Filters
from engram.model.memory import MemoryKind
from engram.model.metadata_filter import Condition as MetadataCondition

_LABELS: Final = {
    ("tag", True): "tags_all",
    ("tag", False): "tags_none",
    ("entity", True): "entities_all",
    ("entity", False): "entities_none",
}
_NAMES: Final = {"kind": "kinds", "source": "sources", "session": "sessions"}
_TIMES: Final = {"created": "recorded", "occurred": "occurred"}
_BOUNDS: Final = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def pushed(condition: Condition | None) -> Filters:
    """Return filters that pass what meets a bound condition, with the rest of it as `where`."""
    if condition is None:
        return NO_FILTERS
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    found: dict[str, Any] = {}
    rest = [part for part in parts if not _takes(part, found)]
    if rest:
        found["where"] = rest[0] if len(rest) == 1 else AllOf(tuple(rest))
    return msgspec.structs.replace(NO_FILTERS, **found)


def _takes(part: Condition, found: dict[str, Any]) -> bool:
    """Note a condition as filters; whether there are such."""
    if isinstance(part, Has):
        return _adds(found, _LABELS[part.field, True], part.label)
    if isinstance(part, Not) and isinstance(part.part, Has):
        return _adds(found, _LABELS[part.part.field, False], part.part.label)
    if isinstance(part, Compare | Among | Between) and part.field.startswith(METADATA):
        return _takes_metadata(part, found)
    if isinstance(part, Among):
        return _takes_names(part.field, part.values, found)
    return isinstance(part, Compare) and _takes_comparison(part, found)


def _takes_comparison(part: Compare, found: dict[str, Any]) -> bool:
    field, operator, value = part.field, part.operator, part.value
    if operator == "=":
        return _takes_names(field, (value,), found)
    if field in _TIMES and isinstance(value, Moment):
        end = {"AFTER": "after", ">=": "after", "BEFORE": "before", "<": "before"}.get(operator)
        return end is not None and _sets(found, f"{_TIMES[field]}_{end}", value.us * 1_000)
    if field == "confidence" and operator == ">=" and isinstance(value, int | float):
        return 0 <= value <= 1 and _sets(found, "confidence_min", float(value))
    return False


def _takes_names(field: str, values: tuple[Any, ...], found: dict[str, Any]) -> bool:
    name = _NAMES.get(field)
    if name is None:
        return False
    wanted = tuple(map(str, values))
    if field == "kind":
        return _sets(found, name, tuple(int(MemoryKind.parse(each)) for each in wanted))
    return _sets(found, name, wanted)


def _takes_metadata(part: Compare | Among | Between, found: dict[str, Any]) -> bool:
    path = part.field.removeprefix(METADATA)
    among: tuple[Any, ...] | None = None
    bounds: tuple[tuple[str, Any], ...] = ()
    if isinstance(part, Among):
        among = part.values
    elif isinstance(part, Compare) and part.operator == "=":
        among = (part.value,)
    elif isinstance(part, Compare) and part.operator in _BOUNDS:
        bounds = ((_BOUNDS[part.operator], part.value),)
    elif isinstance(part, Between):
        bounds = (("gte", part.low), ("lte", part.high))
    else:
        return False
    return _adds(found, "metadata", MetadataCondition(path, among, bounds))


def _adds(found: dict[str, Any], name: str, value: object) -> bool:
    found[name] = (*found.get(name, ()), value)
    return True


def _sets(found: dict[str, Any], name: str, value: object) -> bool:
    if name in found:
        return False
    found[name] = value
    return True
