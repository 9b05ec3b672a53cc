"""What tools take and answer, as JSON and as the schemas of that JSON, made of their types.

Answers leave out fields that say nothing (null, and what is empty): models pay for every word, and
clients hold every field against the schema. So their schemas do not require such fields.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

_PLAIN: Final = frozenset(("type", "format"))


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON schema of what a tool takes, with an object at its root as MCP wants it."""
    ((_, *_), parts) = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    found: dict[str, Any] = _inlined(parts[kind.__name__], parts)
    return found


def answer_schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the same of what a tool answers, as `answer_of` makes it."""
    found: dict[str, Any] = _relaxed(schema_of(kind))
    return found


def answer_of(value: msgspec.Struct) -> dict[str, Any]:
    """Return an answer as JSON has it, without the fields that say nothing.

    What callers gave, such as metadata, is left as it is.
    """
    told = {}
    for name in value.__struct_fields__:
        each = getattr(value, name)
        if each is not None and each not in ((), [], {}):
            told[name] = _plain(each)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return answer_of(value)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return [_plain(each) for each in value]
    return msgspec.to_builtins(value)


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    """Return a schema without references, and with `or null` as a type of its own.

    Both say the same in a way that validators are done with sooner.
    """
    if isinstance(schema, list):
        return [_inlined(each, parts) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
    found = {name: _inlined(each, parts) for name, each in schema.items()}
    choices = found.get("anyOf")
    if choices and all("type" in each and _PLAIN.issuperset(each) for each in choices):
        del found["anyOf"]
        found["type"] = [each["type"] for each in choices]
        formats = [each["format"] for each in choices if "format" in each]
        if formats:
            found["format"] = formats[0]
    return found


def _relaxed(schema: Any) -> Any:
    """Return a schema that does not require what may say nothing."""
    if isinstance(schema, list):
        return [_relaxed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # What a map such as the parts of a score holds is plain to see; validators take as long for it
    # as for all the rest.
    kept = {name: each for name, each in schema.items() if name != "additionalProperties"}
    found = {name: _relaxed(each) for name, each in kept.items()}
    if "required" in found:
        fields = found["properties"]
        found["required"] = [name for name in found["required"] if not _may_be_empty(fields[name])]
    return found


def _may_be_empty(schema: dict[str, Any]) -> bool:
    kinds = schema.get("type", ())
    several = {kinds} if isinstance(kinds, str) else set(kinds)
    if several & {"null", "array", "object"}:
        return True
    return any(map(_may_be_empty, schema.get("anyOf", ())))
