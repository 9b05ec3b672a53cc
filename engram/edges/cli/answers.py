"""How answers of the query language are printed: as a table, as JSON, or as JSON a row."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from engram.edges.cli.options import Labels
from engram.edges.cli.wire import memory_value, print_json
from engram.model.completion import EPISODE_FIELDS

if TYPE_CHECKING:
    from rich.console import Console

    from engram.model.answer import Answer, AnswerRow, Plan

Form = Literal["table", "json", "ndjson"]

AnswerForm = Annotated[Form, Parameter(help="A table, one JSON value, or one JSON value a row.")]
Parameters = Annotated[
    Labels, Parameter(metavar="NAME=VALUE", help="The value of $NAME: JSON, or else text.")
]
Budget = Annotated[
    float | None, Parameter(help="What a statement may be expected to cost; else the setting.")
]

# What a terminal has room for of a recalled or predicted memory, of a concept, of an episode that
# is imagined or completed; JSON has the rest.
_SHOWN: Final = (
    ("score", "confidence", "group", "occurred", "content"),
    ("confidence", "after_s", "occurred", "content"),
    ("id", "name", "coherence", "content"),
    ("confidence", "novelty", *EPISODE_FIELDS),
    ("confidence", *EPISODE_FIELDS, "sources"),
    ("source", "kind", "target", "weight", "confidence", "why"),
    ("hops", "strength", "path"),
    ("held_from", "held_until", "coherence", "content"),
)
_TEXTS: Final = ("content", *EPISODE_FIELDS)


# Of a memory's text so many lines, in what is left beside the other columns.
_TEXT_LINES: Final = 3
_BESIDE_COLUMNS: Final = 50
_TEXT_COLUMNS_MIN: Final = 24


def print_answer(console: Console, answer: Answer, form: Form) -> None:
    """Print an answer in the form asked for."""
    if form == "json":
        print_json(answer_value(answer))
    elif form == "ndjson":
        for row in answer:
            print_json(row_value(row))
    else:
        _show(console, answer)
    sys.stdout.flush()


def _show(console: Console, answer: Answer) -> None:
    from engram.edges.cli.screen import table_of  # noqa: PLC0415 - not needed for --help

    if answer.plan is not None:
        console.print(table_of(*_plan_cells(answer.plan)))
        console.print()
    fitting = (each for each in _SHOWN if set(each) <= {*answer.columns})
    columns = next(fitting, answer.columns)
    if answer.rows:
        room = _TEXT_LINES * max(_TEXT_COLUMNS_MIN, console.width - _BESIDE_COLUMNS)
        # What no row says of an episode, or why, is not there.
        columns = tuple(
            name for name in columns
            if name not in EPISODE_FIELDS or any(row[name] is not None for row in answer)
        )  # fmt: skip
        lines = [[_short(name, row[name], room) for name in columns] for row in answer]
        console.print(table_of(columns, lines))
        console.print()
    if answer.note is not None:
        console.print(f"{answer.note[0].upper()}{answer.note[1:]}.", soft_wrap=True)
    rows = "1 row" if len(answer) == 1 else f"{len(answer):,} rows"
    said = f"{rows}, {answer.timings_us['total'] / 1_000:.1f} ms"
    if answer.confidence is not None and answer.confidence_interval is not None:
        low, high = answer.confidence_interval
        said += f"; confidence {answer.confidence:.2f} ({low:.2f} to {high:.2f})"
    console.print(f"{said}.", style="dim", soft_wrap=True)


def _short(name: str, value: Any, room: int) -> str:
    """Return a cell; of a long text of a memory what a glance takes in."""
    if name not in _TEXTS or not isinstance(value, str):
        return cell(value)
    from engram.edges.cli.excerpt import excerpt  # noqa: PLC0415 - not needed for --help

    return excerpt(value, (), room)


def parameter(given: str) -> tuple[str, Any]:
    """Return name and value of a parameter; InvalidRequest when there is no name."""
    name, equals, value = given.partition("=")
    if not equals or not name:
        from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely needed

        raise InvalidRequest(f"parameter {given!r} is not like NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _plan_cells(plan: Plan) -> tuple[list[str], list[list[str]]]:
    """Return the columns of a plan, and a line a step."""
    columns = ["step", "rows", "us", "measured rows", "measured us", "what"]
    lines = [
        [
            step.name,
            f"{step.rows:,}",
            f"{step.cost_us:,.0f}",
            "-" if step.measured_rows is None else f"{step.measured_rows:,}",
            "-" if step.measured_us is None else f"{step.measured_us:,.0f}",
            step.detail,
        ]
        for step in plan.steps
    ]
    if all(step.measured_us is None for step in plan.steps):
        columns = [*columns[:3], columns[5]]
        lines = [[*line[:3], line[5]] for line in lines]
    return columns, lines


def cell(value: Any) -> str:
    """Return a value as a cell of a table shows it."""
    from engram.edges.cli.screen import day  # noqa: PLC0415 - not needed for --help

    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, datetime):
        return day(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "\n".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def answer_value(answer: Answer) -> dict[str, Any]:
    """Return an answer as a JSON value; times are ISO 8601 in UTC, costs microseconds."""
    plan = None if answer.plan is None else _plan_value(answer.plan)
    interval = answer.confidence_interval
    return {
        "statement": answer.statement,
        "space": answer.space,
        "columns": list(answer.columns),
        "rows": [row_value(row) for row in answer],
        "confidence": answer.confidence,
        "confidence_interval": None if interval is None else list(interval),
        "evidence": list(answer.evidence),
        "note": answer.note,
        "plan": plan,
        "timings_us": dict(answer.timings_us),
    }


def row_value(row: AnswerRow) -> dict[str, Any]:
    """Return one row as a JSON value."""
    interval = row.confidence_interval
    return {
        "fields": {name: _plain(value) for name, value in row.fields.items()},
        "confidence": row.confidence,
        "confidence_interval": None if interval is None else list(interval),
        "evidence": list(row.evidence),
        "memory": None if row.memory is None else memory_value(row.memory),
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _plan_value(plan: Plan) -> dict[str, Any]:
    from msgspec import to_builtins  # noqa: PLC0415 - seldom asked for

    return {"cost_us": plan.cost_us, "steps": [to_builtins(step) for step in plan.steps]}
