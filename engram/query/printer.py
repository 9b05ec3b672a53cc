"""Trees back to text: `parse(printed(statement))` is the same tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from engram.model.conditions import (
    METADATA,
    Ago,
    AllOf,
    Among,
    AnyOf,
    Between,
    Compare,
    Condition,
    Contains,
    Has,
    Matches,
    Moment,
    Not,
    Parameter,
    Span,
)
from engram.query.syntax import (
    Body,
    Bound,
    Complete,
    Consolidate,
    Cue,
    Imagine,
    MemoryCue,
    Predict,
    Recall,
    ShowAssociations,
    ShowBeliefs,
    ShowConcepts,
    ShowContradictions,
    ShowPaths,
    ShowSpaces,
    ShowStats,
    Spread,
    Statement,
    VectorCue,
)

_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def printed(statement: Statement) -> str:
    """Return the statement as text, its clauses in their order and its words in capitals."""
    words = [statement.mode] if statement.mode else []
    words += _body(statement.body)
    if statement.space is not None:
        words += ["IN SPACE", _value(statement.space)]
    return " ".join(words)


def _body(body: Body) -> list[str]:
    written = _WRITTEN.get(type(body))
    return ["SHOW", *_SHOWN[type(body)](body)] if written is None else written(body)


def _spread(body: Spread) -> list[str]:
    words = ["SPREAD FROM", _listed(body.sources), *_clause("MAX_HOPS", body.max_hops)]
    words += _clause("DECAY", body.decay) + _clause("THRESHOLD", body.threshold)
    return words + _via(body.kinds) + _clause("LIMIT", body.limit)


def _predict(body: Predict) -> list[str]:
    words = ["PREDICT", *_cue(body.cue), "GIVEN", _listed(body.given)]
    words += _clause("HORIZON", body.horizon)
    if body.confidence is not None:
        words += ["CONFIDENCE", _bound(body.confidence)]
    return words + _clause("LIMIT", body.limit)


def _imagine(body: Imagine) -> list[str]:
    words = ["IMAGINE", *_cue(body.cue)]
    words += ["BASED ON", _listed(body.based_on)] if body.based_on else []
    words += _clause("NOVELTY", body.novelty)
    if body.confidence is not None:
        words += ["CONFIDENCE", _bound(body.confidence)]
    return words + _clause("LIMIT", body.limit)


def _consolidate(body: Consolidate) -> list[str]:
    words = ["CONSOLIDATE", *([] if body.cue is None else _cue(body.cue))]
    words += [] if body.where is None else ["WHERE", printed_condition(body.where)]
    return [*words, "INTO", _value(body.into)]


def _complete(body: Complete) -> list[str]:
    return ["COMPLETE", ", ".join(map(_compare, body.given)), *_clause("LIMIT", body.limit)]


def _recall(body: Recall) -> list[str]:
    words = ["RECALL", *_cue(body.cue)]
    if body.where is not None:
        words += ["WHERE", printed_condition(body.where)]
    if body.confidence is not None:
        words += ["CONFIDENCE", _bound(body.confidence)]
    words += _clause("BASE_RATE", body.base_rate) + _clause("AS OF", body.as_of)
    if body.order is not None:
        words += ["ORDER BY", body.order.key, *(["DESC"] if body.order.descending else [])]
    return words + _clause("LIMIT", body.limit) + _clause("OFFSET", body.offset)


def _cue(cue: Cue) -> list[str]:
    if isinstance(cue, MemoryCue):
        return [cue.id]
    if isinstance(cue, VectorCue):
        numbers = cue.numbers
        if isinstance(numbers, Parameter):
            return [_value(numbers), *_clause("THRESHOLD", cue.threshold)]
        return [f"[{', '.join(map(repr, numbers))}]", *_clause("THRESHOLD", cue.threshold)]
    return [_value(cue)]


def _associations(body: ShowAssociations) -> list[str]:
    words = ["ASSOCIATIONS OF", _value(body.memory)]
    if body.direction is not None:
        words += ["DIRECTION", body.direction.upper()]
    return words + _via(body.kinds) + _clause("LIMIT", body.limit)


def _paths(body: ShowPaths) -> list[str]:
    words = ["PATHS FROM", _value(body.source), "TO", _value(body.target)]
    words += [] if body.how is None else [body.how.upper()]
    words += _via(body.kinds) + _clause("MAX_HOPS", body.max_hops)
    words += _clause("DEADLINE", body.deadline)
    return words + _clause("LIMIT", body.limit)


def _contradictions(body: ShowContradictions) -> list[str]:
    return ["CONTRADICTIONS", *_clause("OF", body.memory), *_clause("LIMIT", body.limit)]


_WRITTEN: Final[dict[type, Callable[[Any], list[str]]]] = {
    Recall: _recall,
    Spread: _spread,
    Predict: _predict,
    Imagine: _imagine,
    Consolidate: _consolidate,
    Complete: _complete,
}
_SHOWN: Final[dict[type, Callable[[Any], list[str]]]] = {
    ShowSpaces: lambda _: ["SPACES"],
    ShowStats: lambda _: ["STATS"],
    ShowConcepts: lambda body: ["CONCEPTS", *_clause("LIMIT", body.limit)],
    ShowAssociations: _associations,
    ShowPaths: _paths,
    ShowContradictions: _contradictions,
    ShowBeliefs: lambda body: ["BELIEFS OF", _value(body.concept)],
}


def _clause(word: str, value: Any) -> list[str]:
    return [] if value is None else [word, _value(value)]


def _via(kinds: tuple[Any, ...]) -> list[str]:
    return ["VIA", _listed(kinds)] if kinds else []


def _bound(bound: Bound) -> str:
    return f"{bound.operator} {_value(bound.value)}"


def printed_condition(condition: Condition) -> str:
    """Return a condition as text."""
    return _PRINTED[type(condition)](condition)


def _all_of(condition: AllOf) -> str:
    return " AND ".join(_inner(each, (AllOf, AnyOf)) for each in condition.parts)


def _any_of(condition: AnyOf) -> str:
    return " OR ".join(_inner(each, (AnyOf,)) for each in condition.parts)


def _compare(condition: Compare) -> str:
    return f"{_field(condition.field)} {condition.operator} {_value(condition.value)}"


def _between(condition: Between) -> str:
    values = f"{_value(condition.low)} AND {_value(condition.high)}"
    return f"{_field(condition.field)} BETWEEN {values}"


_PRINTED: Final[dict[type, Callable[[Any], str]]] = {
    AllOf: _all_of,
    AnyOf: _any_of,
    Not: lambda condition: f"NOT {_inner(condition.part, (AllOf, AnyOf))}",
    Contains: lambda condition: f"content CONTAINS {_value(condition.text)}",
    Matches: lambda condition: f"content MATCHES {_value(condition.pattern)}",
    Has: lambda condition: f"{condition.field} HAS {_value(condition.label)}",
    Compare: _compare,
    Among: lambda condition: f"{_field(condition.field)} IN ({_listed(condition.values)})",
    Between: _between,
}


def _inner(condition: Condition, nested: tuple[type, ...]) -> str:
    said = printed_condition(condition)
    return f"({said})" if isinstance(condition, nested) else said


def _field(name: str) -> str:
    """Return a field; a path into metadata whose names are no words is one quoted text."""
    if not name.startswith(METADATA):
        return name
    path = name.removeprefix(METADATA)
    if all(map(_BARE.fullmatch, path.split("."))):
        return name
    return METADATA + quoted(path)


def _listed(values: tuple[Any, ...]) -> str:
    return ", ".join(map(_value, values))


def _value(value: Any) -> str:
    """Return one value as it is written; ids are quoted like every text."""
    if isinstance(value, Parameter):
        return f"${value.name}"
    if isinstance(value, Moment):
        moment = _EPOCH + timedelta(microseconds=value.us)
        return moment.replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, Ago):
        amount = f"{value.amount} {_UNITS[value.unit]}" if value.unit != "ms" else ""
        return f"{amount or f'{value.amount}ms'} ago"
    if isinstance(value, Span):
        return f"{value.amount}{value.unit}"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str, mark: str = '"') -> str:
    """Return a text as it is written, between quotation marks of one sort."""
    escapes = {**_ESCAPES, mark: f"\\{mark}"}
    return f"{mark}{''.join(escapes.get(each, each) for each in text)}{mark}"
