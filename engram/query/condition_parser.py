"""WHERE: conditions, by recursive descent. NOT binds before AND, AND before OR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.model.conditions import (
    METADATA,
    AllOf,
    Among,
    AnyOf,
    Between,
    Compare,
    Condition,
    Contains,
    Has,
    Matches,
    Not,
    Value,
)
from engram.model.limits import QUERY_DEPTH_MAX, QUERY_VALUES_MAX
from engram.query.fields import (
    BETWEEN,
    CONTAINS,
    EQUALITY,
    FIELDS,
    HAS,
    IN,
    MATCHES,
    METADATA_FIELD,
    Field,
)
from engram.query.lexer import MOMENT, NUMBER, SPAN, STRING, WORD

if TYPE_CHECKING:
    from engram.query.cursor import Cursor

_KNOWN: Final = (*FIELDS, "metadata.<name>")


def condition_of(cursor: Cursor, depth: int = 0) -> Condition:
    """Return the condition it stands on, and go behind it."""
    parts = [_all_of(cursor, depth)]
    while cursor.take("OR"):
        parts.append(_all_of(cursor, depth))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _all_of(cursor: Cursor, depth: int) -> Condition:
    parts = [_negated(cursor, depth)]
    while cursor.take("AND"):
        parts.append(_negated(cursor, depth))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _negated(cursor: Cursor, depth: int) -> Condition:
    if depth > QUERY_DEPTH_MAX:
        wanted = f"at most query_depth_max of {QUERY_DEPTH_MAX} conditions nested in each other"
        raise cursor.error(wanted, token=cursor.token)
    if cursor.take("NOT"):
        return Not(_negated(cursor, depth + 1))
    if cursor.take("("):
        inner = condition_of(cursor, depth + 1)
        cursor.expect(")")
        return inner
    return _comparison(cursor)


def _comparison(cursor: Cursor) -> Condition:
    name, field = _field(cursor)
    operator = cursor.one_of(field.operators)
    if operator is None:
        hint = ""
        if name in ("tag", "entity") and cursor.key in EQUALITY:
            hint = f"a memory may have several: {name} HAS ..., or NOT {name} HAS ..."
        raise cursor.error(hint=hint)
    role = field.role
    if operator == HAS:
        return Has(name, cursor.value(role))
    if operator == CONTAINS:
        return Contains(cursor.value(role))
    if operator == MATCHES:
        return Matches(cursor.value(role))
    if operator == IN:
        return Among(name, _values(cursor, role))
    if role == "scalar" and operator not in EQUALITY:
        role = "ordered"
    if operator == BETWEEN:
        low = cursor.value(role)
        cursor.expect("AND")
        return Between(name, low, cursor.value(role))
    return Compare(name, operator, cursor.value(role))


def _values(cursor: Cursor, role: str) -> tuple[Value, ...]:
    cursor.expect("(")
    opened = cursor.token
    found = cursor.names(role)
    cursor.expect(")")
    if len(found) > QUERY_VALUES_MAX:
        wanted = f"at most query_values_max of {QUERY_VALUES_MAX:,} values, not {len(found):,}"
        raise cursor.error(wanted, token=opened)
    return found


def _field(cursor: Cursor) -> tuple[str, Field]:
    token = cursor.token
    if token.kind != WORD:
        raise cursor.error(f"a field: {', '.join(_KNOWN)}")
    name = token.value.lower()
    if name == METADATA[:-1]:
        cursor.move()
        return METADATA + _path(cursor), METADATA_FIELD
    field = FIELDS.get(name)
    if field is None:
        raise cursor.misnamed(_KNOWN, "a field")
    cursor.move()
    return name, field


def _path(cursor: Cursor) -> str:
    """Return a path into metadata: names or quoted texts with points between them."""
    parts: list[str] = []
    while True:
        if not parts:
            cursor.expect(".")
        token = cursor.token
        if token.kind not in (WORD, NUMBER, SPAN, MOMENT, STRING) or not token.value:
            raise cursor.error("the name of something in metadata, like metadata.lang")
        parts.append(cursor.move().value)
        if not cursor.take("."):
            return ".".join(parts)
