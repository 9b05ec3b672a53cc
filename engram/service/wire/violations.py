"""All that is wrong with JSON that was given, and not the first of it alone."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from engram.model.decoders import converted

_NO_TIME: Final = "Invalid RFC3339 encoded datetime"
_HERE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")


def violations_of(
    given: Any,
    kind: type[msgspec.Struct],
    error: Exception,
    *,
    strict: bool = True,
    what: str = "the body",
) -> list[str]:
    """Return all that is wrong with what was given for a `kind`; `error` names the first of it.

    `what` is what it is called; without `strict` texts may stand for numbers.
    """
    if not isinstance(given, dict):
        return [f"{what} is no JSON object: {error}"]
    fields = {each.name: each for each in msgspec.structs.fields(kind)}
    known = ", ".join(fields) or "none"
    said = [f"unknown field {name!r}; there are {known}" for name in given if name not in fields]
    for name, field in fields.items():
        if name not in given:
            if field.required:
                said.append(f"{name} is missing")
            continue
        try:
            converted(given[name], field.type, strict=strict)
        except msgspec.ValidationError as wrong:
            said.append(_told(name, wrong))
    return said or [str(error)]


def _told(name: str, error: msgspec.ValidationError) -> str:
    """Return an error of one field, with where in it that is."""
    text = str(error)
    place = _HERE.search(text)
    path = name if place is None else f"{name}{place['path']}"
    words = text if place is None else text[: place.start()]
    if words == _NO_TIME:
        return f"{path}: no time with its zone; write it like 2026-03-14T15:09:00Z"
    return f"{path}: {words[0].lower()}{words[1:]}"
