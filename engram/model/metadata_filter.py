"""Conditions on what callers keep in metadata: equality and ranges at a path."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, TypeGuard

import msgspec

Scalar = str | int | float | bool | None

RANGES: Final = ("gt", "gte", "lt", "lte")
_IN: Final = "in"
_KNOWN: Final = (*RANGES, _IN)


class Condition(msgspec.Struct, frozen=True, gc=False):
    """What must hold for a value at `path`, all of it together.

    A path leads through objects by dots; of a list it is enough that one element passes. `among`
    holds the values it may equal, None for any; `bounds` pairs of gt, gte, lt or lte and a number
    or a text, which compares with its like only.
    """

    path: str
    among: tuple[Scalar, ...] | None = None
    bounds: tuple[tuple[str, str | int | float], ...] = ()


def read_conditions(given: object, violations: list[str]) -> tuple[Condition, ...]:
    """Return the conditions a caller wrote; every broken rule is added to `violations`.

    A value stands for equality; a mapping for bounds (`{"gte": 3}`) or choices (`{"in": [1, 2]}`).
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        violations.append(f"metadata is {type(given).__name__}, not a mapping of paths")
        return ()
    found = []
    for path, wanted in given.items():
        if not isinstance(path, str) or not path:
            violations.append(f"metadata path {path!r} is not a text like 'user.age'")
        elif isinstance(wanted, Mapping):
            found.append(_operators(path, wanted, violations))
        elif _is_scalar(wanted):
            found.append(Condition(path, (wanted,)))
        else:
            violations.append(
                f"metadata {path} is compared with a {type(wanted).__name__}; it can equal a text, "
                "a number, true, false or null"
            )
    return tuple(found)


def _operators(path: str, wanted: Mapping[object, object], violations: list[str]) -> Condition:
    among: tuple[Scalar, ...] | None = None
    bounds: list[tuple[str, str | int | float]] = []
    for name, value in wanted.items():
        if name == _IN and isinstance(value, list | tuple) and all(map(_is_scalar, value)):
            among = tuple(value)
        elif name in RANGES and _is_bound(value):
            bounds.append((str(name), value))
        elif name in _KNOWN:
            kind = "a list of values" if name == _IN else "a number or a text"
            violations.append(f"metadata {path}: {name} takes {kind}, not {value!r}")
        else:
            known = ", ".join(_KNOWN)
            violations.append(f"metadata {path} has no operator {name!r}; there are {known}")
    return Condition(path, among, tuple(bounds))


def _is_scalar(value: object) -> TypeGuard[Scalar]:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int | bool)


def _is_bound(value: object) -> TypeGuard[str | int | float]:
    return _is_scalar(value) and value is not None and not isinstance(value, bool)
