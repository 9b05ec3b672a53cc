"""Parameters and relative times of a statement, filled in: what is left holds values alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from engram.model.conditions import Ago, Parameter
from engram.model.errors import InvalidRequest
from engram.query.roles import CHECKS, moment_of
from engram.query.syntax import Statement


def bind(statement: Statement, parameters: Mapping[str, object], now: int) -> Statement:
    """Return the statement with its parameters and times filled in; `now` is in nanoseconds.

    Raises:
        InvalidRequest: a parameter is missing, is not asked for, or does not fit its place; every
            violation is listed.
    """
    if not isinstance(parameters, Mapping):
        raise InvalidRequest(f"parameters are {type(parameters).__name__}, not a mapping of names")
    binding = _Binding(parameters, now)
    bound = binding.filled(statement)
    unknown = [str(name) for name in parameters if name not in binding.asked]
    binding.violations += [f"the statement has no parameter ${name}" for name in unknown]
    if binding.violations:
        raise InvalidRequest(*dict.fromkeys(binding.violations))
    return cast("Statement", bound)


class _Binding:
    def __init__(self, parameters: Mapping[str, object], now: int) -> None:
        self._parameters, self._now = parameters, now
        self.asked: set[str] = set()
        self.violations: list[str] = []

    def filled(self, node: Any) -> Any:
        """Return a part of a tree, the same one where nothing is to be filled in."""
        if isinstance(node, Parameter):
            return self._checked(node, self._given(node))
        if isinstance(node, Ago):
            return self._at(node, "the statement")
        if isinstance(node, tuple):
            parts = tuple(part for each in node for part in self._parts(each))
            return node if all(a is b for a, b in zip(node, parts, strict=False)) else parts
        if isinstance(node, msgspec.Struct):
            changes = {}
            for name in node.__struct_fields__:
                value = getattr(node, name)
                if isinstance(value, msgspec.Struct | tuple):
                    bound = self.filled(value)
                    if bound is not value:
                        changes[name] = bound
            return msgspec.structs.replace(node, **changes) if changes else node
        return node

    def _parts(self, node: Any) -> Iterator[Any]:
        """Yield what stands for one of several: a parameter may be several itself."""
        value = self._given(node) if isinstance(node, Parameter) else None
        if isinstance(value, list | tuple):
            if not value:
                self.violations.append(f"${node.name} is empty; at least one value is needed")
            for each in value:
                yield self._checked(node, each)
        else:
            yield self.filled(node)

    def _given(self, parameter: Parameter) -> object:
        self.asked.add(parameter.name)
        if parameter.name not in self._parameters:
            self.violations.append(f"parameter ${parameter.name} is missing")
            return None
        return self._parameters[parameter.name]

    def _checked(self, parameter: Parameter, value: object) -> Any:
        if parameter.name not in self._parameters:
            return parameter
        try:
            found = CHECKS[parameter.role](value)
        except ValueError as error:
            self.violations.append(f"${parameter.name} is {_told(value)}; there fits {error}")
            return parameter
        return self._at(found, f"${parameter.name}") if isinstance(found, Ago) else found

    def _at(self, ago: Ago, where: str) -> Any:
        try:
            return moment_of(ago, self._now)
        except (ValueError, OverflowError):
            self.violations.append(f"{where} goes back before the year 1678")
            return ago


def _told(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:60]}..."  # noqa: PLR2004 - a line holds it
