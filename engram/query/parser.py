"""Statements from text: recursive descent, with tables of which clauses may follow.

A clause is there once at most, and clauses come in the order of their table: an error says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from engram.model.completion import EPISODE_FIELDS
from engram.model.conditions import Compare, Parameter
from engram.model.errors import InvalidRequest
from engram.model.ids import parse_id
from engram.model.limits import DIMENSIONS_MAX
from engram.query.condition_parser import condition_of
from engram.query.cursor import Cursor
from engram.query.fields import COMPARISONS, ORDER_KEYS
from engram.query.lexer import END, NUMBER, PARAMETER, STRING, WORD
from engram.query.places import EXAMPLES
from engram.query.syntax import (
    EXPLAIN,
    PROFILE,
    Body,
    Bound,
    Complete,
    Consolidate,
    Cue,
    Imagine,
    MemoryCue,
    Order,
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

# Statements are told apart by their parameters more seldom than by their text.
_KEPT_COUNT: Final = 256
_KEPT_CHARACTERS_MAX: Final = 4_096
_DIRECTIONS: Final = ("OUT", "IN", "BOTH")


class _Clause(NamedTuple):
    """How a clause is read, once its first word is; `stage` orders clauses."""

    stage: int
    read: Callable[[Cursor, dict[str, Any]], None]
    """Notes what it says by the names of the fields it fills."""
    second: str | None = None
    """The word that follows the first."""


def parse(text: str) -> Statement:
    """Return a statement as a tree; QuerySyntaxError says where it cannot be read, and why."""
    if not isinstance(text, str):
        raise InvalidRequest(f"the statement is {type(text).__name__}, not text")
    return _parse_kept(text) if len(text) <= _KEPT_CHARACTERS_MAX else _parse(text)


def _parse(text: str) -> Statement:
    return statement_of(Cursor(text))


def statement_of(cursor: Cursor) -> Statement:
    """Return the statement a cursor stands before, as a tree, and go to its end."""
    mode = cursor.one_of((EXPLAIN, PROFILE)) or ""
    body = _body(cursor)
    space = None
    cursor.hope("IN SPACE")
    if cursor.key == "IN":
        cursor.move()
        cursor.expect("SPACE")
        space = cursor.value("space")
    if cursor.token.kind != END:
        hint = "OFFSET follows LIMIT: LIMIT 10 OFFSET 20" if cursor.key == "OFFSET" else ""
        raise cursor.error("the end", hint=hint)
    return Statement(body, mode, space)


_parse_kept = lru_cache(_KEPT_COUNT)(_parse)


def _body(cursor: Cursor) -> Body:
    word = cursor.one_of(tuple(EXAMPLES))
    if word is None:
        raise cursor.error()
    cursor.example = EXAMPLES[word]
    return _BODIES[word](cursor)


def _recall(cursor: Cursor) -> Recall:
    return Recall(_cue(cursor), **_clauses(cursor, _RECALL))


def _cue(cursor: Cursor) -> Cue:
    """Return what is recalled by: a text, a memory, a vector, or a parameter."""
    token = cursor.token
    if token.kind == STRING:
        if not token.value.strip():
            raise cursor.error("a text that is not empty")
        return str(cursor.move().value)
    if token.kind == PARAMETER:
        name = cursor.move().value
        if cursor.take("THRESHOLD"):
            return VectorCue(Parameter(name, "vector"), cursor.value("cosine"))
        return Parameter(name, "cue")
    if cursor.key == "[":
        cursor.move()
        numbers = tuple(map(float, _numbers(cursor)))
        threshold = cursor.value("cosine") if cursor.take("THRESHOLD") else None
        return VectorCue(numbers, threshold)
    try:
        parse_id(token.value)
    except InvalidRequest:
        hint = f'a text is put in quotes: "{token.value}"' if token.kind == WORD else ""
        raise cursor.error(
            "a text in quotes", "the id of a memory", "a vector in brackets", "a $parameter",
            hint=hint,
        ) from None  # fmt: skip
    return MemoryCue(cursor.move().value)


def _numbers(cursor: Cursor) -> list[float]:
    found: list[float] = []
    while True:
        if cursor.token.kind != NUMBER:
            raise cursor.error("a number")
        if len(found) == DIMENSIONS_MAX:
            raise cursor.error(f"at most dimensions_max of {DIMENSIONS_MAX:,} numbers")
        found.append(cursor.value("number"))
        if cursor.take("]"):
            return found
        cursor.expect(",")


def _spread(cursor: Cursor) -> Spread:
    cursor.expect("FROM")
    return Spread(cursor.names("memory"), **_clauses(cursor, _SPREAD))


def _predict(cursor: Cursor) -> Predict:
    cue = _cue(cursor)
    cursor.expect("GIVEN")
    return Predict(cue, cursor.names("memory"), **_clauses(cursor, _PREDICT))


def _imagine(cursor: Cursor) -> Imagine:
    return Imagine(_cue(cursor), **_clauses(cursor, _IMAGINE))


def _based_on(cursor: Cursor, found: dict[str, Any]) -> None:
    found["based_on"] = cursor.names("memory")


def _consolidate(cursor: Cursor) -> Consolidate:
    cue, where = None, None
    if cursor.take("WHERE"):
        where = condition_of(cursor)
    else:
        cue = _cue(cursor)
    cursor.expect("INTO")
    return Consolidate(cue, where, cursor.value("concept"))


def _complete(cursor: Cursor) -> Complete:
    found: list[Compare] = []
    while True:
        field = str(cursor.token.value).lower()
        if field not in EPISODE_FIELDS or cursor.token.kind != WORD:
            raise cursor.misnamed(EPISODE_FIELDS, "a field of an episode")
        if field != "who" and any(each.field == field for each in found):
            raise cursor.error("another field", hint=f"{field} is there already")
        cursor.move()
        cursor.expect("=")
        found.append(Compare(field, "=", cursor.value("text")))
        if not cursor.take(","):
            return Complete(tuple(found), **_clauses(cursor, _HYPOTHESES))


def _show(cursor: Cursor) -> Body:
    word = cursor.one_of(tuple(_SHOWS))
    if word is None:
        raise cursor.error()
    return _SHOWS[word](cursor)


def _show_concepts(cursor: Cursor) -> ShowConcepts:
    return ShowConcepts(**_clauses(cursor, _LIMITED))


def _show_associations(cursor: Cursor) -> ShowAssociations:
    cursor.expect("OF")
    return ShowAssociations(cursor.value("memory"), **_clauses(cursor, _ASSOCIATIONS))


def _show_paths(cursor: Cursor) -> ShowPaths:
    cursor.expect("FROM")
    source = cursor.value("memory")
    cursor.expect("TO")
    target = cursor.value("memory")
    how = cursor.one_of(("STRONGEST", "SHORTEST"))
    how = None if how is None else how.lower()
    return ShowPaths(source, target, how, **_clauses(cursor, _PATHS))


def _show_contradictions(cursor: Cursor) -> ShowContradictions:
    memory = cursor.value("memory") if cursor.take("OF") else None
    return ShowContradictions(memory, **_clauses(cursor, _LIMITED))


def _show_beliefs(cursor: Cursor) -> ShowBeliefs:
    cursor.expect("OF")
    return ShowBeliefs(cursor.value("memory"))


def _clauses(cursor: Cursor, table: Mapping[str, _Clause]) -> dict[str, Any]:
    """Return what the clauses of a table say, by the name of the field they fill."""
    found: dict[str, Any] = {}
    given: list[str] = []
    stage = 0
    while (clause := table.get(cursor.key)) is not None:
        word = cursor.key
        if word in given:
            raise cursor.error("the end", hint=f"{word} is there already")
        if clause.stage < stage:
            before = next(each for each in given if table[each].stage > clause.stage)
            raise cursor.error("the end", hint=f"{word} comes before {before}")
        cursor.move()
        if clause.second is not None:
            cursor.expect(clause.second)
        given.append(word)
        stage = clause.stage
        clause.read(cursor, found)
    for word, clause in table.items():
        if word not in given and clause.stage >= stage:
            cursor.take(word if clause.second is None else f"{word} {clause.second}")
    return found


def _where(cursor: Cursor, found: dict[str, Any]) -> None:
    found["where"] = condition_of(cursor)


def _confidence(cursor: Cursor, found: dict[str, Any]) -> None:
    operator = cursor.one_of(COMPARISONS)
    if operator is None:
        raise cursor.error()
    found["confidence"] = Bound(operator, cursor.value("share"))


def _order(cursor: Cursor, found: dict[str, Any]) -> None:
    key = str(cursor.token.value).lower()
    if key not in ORDER_KEYS or cursor.token.kind == STRING:
        raise cursor.misnamed(ORDER_KEYS, "what to sort by")
    cursor.move()
    found["order"] = Order(key, cursor.one_of(("ASC", "DESC")) == "DESC")


def _limit(cursor: Cursor, found: dict[str, Any]) -> None:
    found["limit"] = cursor.value("limit")
    if cursor.take("OFFSET"):
        found["offset"] = cursor.value("offset")


def _direction(cursor: Cursor, found: dict[str, Any]) -> None:
    word = cursor.one_of(_DIRECTIONS)
    if word is None:
        raise cursor.error()
    found["direction"] = word.lower()


def _kinds(cursor: Cursor, found: dict[str, Any]) -> None:
    found["kinds"] = cursor.names("association kind")


def _value(name: str, role: str) -> Callable[[Cursor, dict[str, Any]], None]:
    """Return what reads one value of a role into a field."""

    def read(cursor: Cursor, found: dict[str, Any]) -> None:
        found[name] = cursor.value(role)

    return read


_LIMITED: Final = {"LIMIT": _Clause(9, _value("limit", "limit"))}
_RECALL: Final = {
    "WHERE": _Clause(1, _where),
    "CONFIDENCE": _Clause(2, _confidence),
    "BASE_RATE": _Clause(3, _value("base_rate", "base rate")),
    "AS": _Clause(4, _value("as_of", "time"), "OF"),
    "ORDER": _Clause(5, _order, "BY"),
    "LIMIT": _Clause(9, _limit),
}
_SPREAD: Final = {
    "MAX_HOPS": _Clause(1, _value("max_hops", "hops")),
    "DECAY": _Clause(1, _value("decay", "decay")),
    "THRESHOLD": _Clause(1, _value("threshold", "spread threshold")),
    "VIA": _Clause(1, _kinds),
    **_LIMITED,
}
_PREDICT: Final = {
    "HORIZON": _Clause(1, _value("horizon", "duration")),
    "CONFIDENCE": _Clause(2, _confidence),
    **_LIMITED,
}
_IMAGINE: Final = {
    "BASED": _Clause(1, _based_on, "ON"),
    "NOVELTY": _Clause(2, _value("novelty", "share")),
    "CONFIDENCE": _Clause(3, _confidence),
    **_LIMITED,
}
_HYPOTHESES: Final = {"LIMIT": _Clause(9, _value("limit", "hypotheses"))}
_ASSOCIATIONS: Final = {
    "DIRECTION": _Clause(1, _direction),
    "VIA": _Clause(1, _kinds),
    **_LIMITED,
}
_PATHS: Final = {
    "VIA": _Clause(1, _kinds),
    "MAX_HOPS": _Clause(1, _value("max_hops", "hops")),
    "DEADLINE": _Clause(1, _value("deadline", "deadline")),
    "LIMIT": _Clause(9, _value("limit", "paths")),
}
_BODIES: Final[dict[str, Callable[[Cursor], Body]]] = {
    "RECALL": _recall,
    "SPREAD": _spread,
    "PREDICT": _predict,
    "IMAGINE": _imagine,
    "CONSOLIDATE": _consolidate,
    "COMPLETE": _complete,
    "SHOW": _show,
}
_SHOWS: Final[dict[str, Callable[[Cursor], Body]]] = {
    "SPACES": lambda _: ShowSpaces(),
    "STATS": lambda _: ShowStats(),
    "CONCEPTS": _show_concepts,
    "ASSOCIATIONS": _show_associations,
    "PATHS": _show_paths,
    "CONTRADICTIONS": _show_contradictions,
    "BELIEFS": _show_beliefs,
}
