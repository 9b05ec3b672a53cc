"""Whatever is printed reads as it was, and whatever is typed is read or refused."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from engram.model.association import AssociationKind
from engram.model.conditions import (
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
from engram.model.errors import QuerySyntaxError
from engram.model.ids import format_id
from engram.model.memory import MemoryKind
from engram.query.fields import BETWEEN, COMPARISONS, FIELDS, ORDER_KEYS
from engram.query.parser import parse
from engram.query.places import EXAMPLES
from engram.query.printer import printed
from engram.query.syntax import (
    Bound,
    Complete,
    Consolidate,
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

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
IDS = st.builds(format_id, st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.integers(-(10**30), 10**30) | FLOATS
SHARES = st.floats(0, 1) | st.integers(0, 1)
AMOUNTS = st.integers(0, 10**6) | st.floats(0.001, 1e6).map(lambda each: round(each, 3))
TIMES = st.integers(-(9 * 10**15), 9 * 10**15).map(Moment) | st.builds(
    Ago, AMOUNTS.filter(lambda each: not float(each).is_integer() or isinstance(each, int)),
    st.sampled_from(["ms", "s", "m", "h", "d", "w"]),
)  # fmt: skip
SPANS = st.builds(
    Span, AMOUNTS.filter(lambda each: not float(each).is_integer() or isinstance(each, int)),
    st.sampled_from(["ms", "s", "m", "h", "d", "w"]),
)  # fmt: skip
BY_ROLE: dict[str, st.SearchStrategy[object]] = {
    "text": TEXTS,
    "number": NUMBERS,
    "time": TIMES,
    "days": NUMBERS | SPANS,
    "hypotheses": st.integers(1, 3),
    "duration": SPANS,
    "deadline": SPANS.filter(lambda each: each.seconds > 0),
    "memory kind": st.sampled_from([kind.name.lower() for kind in MemoryKind]),
    "association kind": st.sampled_from([kind.label for kind in AssociationKind]),
    "scalar": TEXTS | NUMBERS | st.booleans(),
    "ordered": TEXTS | NUMBERS,
    "share": SHARES,
    "cosine": st.floats(-1, 1),
    "base rate": st.floats(0.001, 0.999),
    "decay": st.floats(0, 100),
    "spread threshold": st.floats(1e-6, 1),
    "limit": st.integers(1, 1_000),
    "offset": st.integers(0, 999),
    "hops": st.integers(1, 8),
    "paths": st.integers(1, 32),
    "memory": IDS,
    "space": TEXTS,
    "concept": TEXTS.filter(str.strip).map(str.strip),
}
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


def values(role: str) -> st.SearchStrategy[object]:
    """Return values of a role, some of them parameters."""
    return BY_ROLE[role] | NAMES.map(lambda name: Parameter(name, role))


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return what may be left out."""
    return st.none() | strategy


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    """Return a condition on one field."""
    name = draw(st.sampled_from([*FIELDS, "metadata."]))
    operators: tuple[str, ...]
    if name == "metadata.":
        name += ".".join(draw(st.lists(TEXTS, min_size=1, max_size=3)))
        operators, role = (*COMPARISONS, "IN", BETWEEN), "scalar"
    else:
        operators, role = FIELDS[name].operators, FIELDS[name].role
    operator = draw(st.sampled_from(operators))
    if operator == "HAS":
        return Has(name, draw(values(role)))  # type: ignore[arg-type]
    if operator == "CONTAINS":
        return Contains(draw(values(role)))  # type: ignore[arg-type]
    if operator == "MATCHES":
        return Matches(draw(values(role)))  # type: ignore[arg-type]
    if operator == "IN":
        found = draw(st.lists(values(role), min_size=1, max_size=3))
        return Among(name, tuple(found))  # type: ignore[arg-type]
    if role == "scalar" and operator not in ("=", "!="):
        role = "ordered"
    if operator == BETWEEN:
        return Between(name, draw(values(role)), draw(values(role)))  # type: ignore[arg-type]
    return Compare(name, operator, draw(values(role)))  # type: ignore[arg-type]


CONDITIONS = st.recursive(
    comparisons(),
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: AllOf(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: AnyOf(tuple(parts)))
    ),
    max_leaves=6,
)
KINDS = st.lists(values("association kind"), max_size=2).map(tuple)
CUES = (
    TEXTS.filter(str.strip)
    | IDS.map(MemoryCue)
    | st.builds(
        VectorCue,
        st.lists(FLOATS, min_size=1, max_size=3).map(tuple),
        maybe(values("cosine")),
    )
    | NAMES.map(lambda name: Parameter(name, "cue"))
    | st.builds(VectorCue, NAMES.map(lambda name: Parameter(name, "vector")), values("cosine"))
)


@st.composite
def recalls(draw: st.DrawFn) -> Recall:
    """Return a RECALL with any of its clauses."""
    limit = draw(maybe(values("limit")))
    return Recall(
        draw(CUES),
        draw(maybe(CONDITIONS)),  # type: ignore[arg-type]
        draw(maybe(st.builds(Bound, st.sampled_from(COMPARISONS), values("share")))),  # type: ignore[arg-type]
        draw(maybe(values("base rate"))),  # type: ignore[arg-type]
        draw(maybe(values("time"))),  # type: ignore[arg-type]
        draw(maybe(st.builds(Order, st.sampled_from(ORDER_KEYS), st.booleans()))),  # type: ignore[arg-type]
        limit,  # type: ignore[arg-type]
        None if limit is None else draw(maybe(values("offset"))),  # type: ignore[arg-type]
    )


BODIES = (
    recalls()
    | st.builds(
        Spread,
        st.lists(values("memory"), min_size=1, max_size=3).map(tuple),
        maybe(values("hops")),
        maybe(values("decay")),
        maybe(values("spread threshold")),
        KINDS,
        maybe(values("limit")),
    )
    | st.builds(
        Predict,
        CUES,
        st.lists(values("memory"), min_size=1, max_size=3).map(tuple),
        maybe(values("duration")),
        maybe(st.builds(Bound, st.sampled_from(COMPARISONS), values("share"))),
        maybe(values("limit")),
    )
    | st.builds(
        Imagine,
        CUES,
        st.lists(values("memory"), max_size=3).map(tuple),
        maybe(values("share")),
        maybe(st.builds(Bound, st.sampled_from(COMPARISONS), values("share"))),
        maybe(values("limit")),
    )
    | st.builds(Consolidate, CUES, st.none(), values("concept"))
    | st.builds(Consolidate, st.none(), CONDITIONS, values("concept"))
    | st.builds(
        Complete,
        st.lists(
            st.builds(Compare, st.just("who"), st.just("="), values("text")), min_size=1, max_size=2
        ).map(tuple),
        maybe(values("hypotheses")),
    )
    | st.sampled_from([ShowSpaces(), ShowStats()])
    | st.builds(ShowConcepts, maybe(values("limit")))
    | st.builds(ShowBeliefs, values("memory"))
    | st.builds(ShowContradictions, maybe(values("memory")), maybe(values("limit")))
    | st.builds(
        ShowAssociations,
        values("memory"),
        st.sampled_from([None, "in", "out", "both"]),
        KINDS,
        maybe(values("limit")),
    )
    | st.builds(
        ShowPaths,
        values("memory"),
        values("memory"),
        st.sampled_from([None, "strongest", "shortest"]),
        KINDS,
        maybe(values("hops")),
        maybe(values("paths")),
        maybe(values("deadline")),
    )
)
STATEMENTS = st.builds(
    Statement, BODIES, st.sampled_from(["", "EXPLAIN", "PROFILE"]), maybe(values("space"))
)


@given(STATEMENTS)
def test_a_printed_statement_reads_as_it_was(statement: Statement) -> None:
    assert parse(printed(statement)) == statement
    assert printed(parse(printed(statement))) == printed(statement)


@given(STATEMENTS, st.data())
def test_a_statement_with_a_slip_is_read_or_refused(
    statement: Statement, data: st.DataObject
) -> None:
    """Characters that are dropped, doubled, swapped or strange: no other error, and no hang."""
    text = printed(statement)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        more = data.draw(
            st.sampled_from(["", " ", "(", ")", '"', "$", ",", "9", "NOT ", "\\", "é"])
        )
        text = text[:at] + more + text[at + data.draw(st.integers(0, 3)) :]
    read_or_refused(text)


@given(st.text(max_size=60) | st.lists(st.sampled_from(
    ["RECALL", '"x"', "WHERE", "NOT", "(", ")", "AND", "OR", "tag", "HAS", "=", "created", "IN",
     "3", "days", "ago", "LIMIT", "$p", "[", "]", ",", ".", "metadata", "BETWEEN", "SHOW", "FROM",
     "2024-01-01", "7d", "SPREAD", "ORDER", "BY", "AS", "OF", "EXPLAIN", "CONSOLIDATE",
     "INTO"]), max_size=20,
).map(" ".join))  # fmt: skip
@example('RECALL "x" WHERE ' + "NOT " * 5_000)
@example('RECALL "x" WHERE ' + "(" * 5_000)
@example('RECALL "' + "\\" * 10_001)
@example("9" * 20_000)
@example("RECALL [" + "1," * 20_000)
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refused(text)


def read_or_refused(text: str) -> None:
    """Read a text; what is read must print and read again, what is not must say where."""
    error = None
    try:
        statement = parse(text)
    except QuerySyntaxError as raised:
        error = raised
    else:
        assert parse(printed(statement)) == statement
    if error is not None:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert any(example in str(error) for example in EXAMPLES.values())
