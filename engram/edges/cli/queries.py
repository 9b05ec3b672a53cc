"""The commands that ask for more than a recall: query, complete, recognize."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from engram.edges.cli.memories import STANDARD_INPUT, standard_input
from engram.edges.cli.options import Filters, Labels, SpacePlace
from engram.edges.cli.wire import memory_value, print_json, recollection_value

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.model.answer import Answer, AnswerRow, Plan
    from engram.model.completion import Completion
    from engram.model.recognition import Recognition

_HERE = SpacePlace()
_ALL = Filters()
# What a terminal has room for of a recalled memory; --format json has the rest.
_SHOWN: Final = ("score", "confidence", "group", "occurred", "content")


class QueryCommands:
    """Commands that carry out statements of the query language, complete and recognize."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def query(
        self,
        statement: Annotated[str, Parameter(help="A statement; - reads it from standard input.")],
        /,
        *,
        param: Annotated[
            Labels,
            Parameter(metavar="NAME=VALUE", help="The value of $NAME: JSON, or else text."),
        ] = (),
        format: Annotated[  # noqa: A002 - it is what the option is called
            Literal["table", "json", "ndjson"],
            Parameter(help="A table, one JSON value, or one JSON value a row."),
        ] = "table",
        budget_ms: Annotated[
            float | None, Parameter(help="What it may be expected to cost; else 10,000.")
        ] = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """Carry out a statement of the query language: RECALL, SPREAD, PREDICT, and others."""
        settings = place.settings()
        parameters = dict(map(_parameter, param))
        text = standard_input() if statement == STANDARD_INPUT else statement
        budget: dict[str, Any] = {} if budget_ms is None else {"budget_ms": budget_ms}

        async def command() -> int:
            async with self._session.space(settings) as space:
                answer = await space.query(text, parameters, **budget)
            if place.json or format == "json":
                print_json(answer_value(answer))
            elif format == "ndjson":
                for row in answer:
                    print_json(row_value(row))
                sys.stdout.flush()
            else:
                self._show(answer)
            return 0

        return int(self._session.run(command))

    def complete(
        self,
        *,
        what: Annotated[str | None, Parameter(help="What happened.")] = None,
        where: Annotated[str | None, Parameter(help="Where it happened.")] = None,
        who: Annotated[Labels, Parameter(help="Who took part; repeatable.")] = (),
        why: Annotated[str | None, Parameter(help="Why it happened.")] = None,
        how: Annotated[str | None, Parameter(help="How it happened.")] = None,
        limit: Annotated[int, Parameter(help="1 to 3 hypotheses at most.")] = 3,
        place: SpacePlace = _HERE,
    ) -> int:
        """Complete an episode of which a part is given, from the episodes of the space."""
        settings = place.settings()
        fields = {"what": what, "where": where, "who": who or None, "why": why, "how": how}

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.complete(**fields, limit=limit)  # type: ignore[arg-type]
            if place.json:
                from msgspec import to_builtins  # noqa: PLC0415 - not needed for --help

                print_json(to_builtins(found))
            else:
                self._show_completion(found)
            return 0

        return int(self._session.run(command))

    def recognize(
        self,
        cue: Annotated[str, Parameter(help="What may have been there before, in words.")],
        /,
        *,
        limit: Annotated[int, Parameter(help="How many memories at most.")] = 5,
        filters: Filters = _ALL,
        place: SpacePlace = _HERE,
    ) -> int:
        """Say how familiar a text is, and which memories it is most like."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.recognize(cue, limit=limit, **filters.arguments())
            if place.json:
                print_json(_recognition_value(found))
            else:
                self._show_recognition(found)
            return 0

        return int(self._session.run(command))

    def _show_recognition(self, found: Recognition) -> None:
        from engram.edges.cli.screen import recollections  # noqa: PLC0415 - not for --help

        console = self._session.console
        low, high = found.familiarity_interval
        said = f"Familiarity {found.familiarity:.2f} ({low:.2f} to {high:.2f})"
        if found.identical is not None:
            said += f": the same text is memory {found.identical}"
        console.print(f"{said}.", soft_wrap=True)
        if found.note is not None:
            console.print(f"{found.note[0].upper()}{found.note[1:]}.", soft_wrap=True)
        if found.nearest:
            console.print()
            console.print(recollections(console, found.nearest, explain=False))

    def _show_completion(self, found: Completion) -> None:
        from engram.edges.cli.screen import table_of  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        if found.note is not None:
            console.print(f"{found.note[0].upper()}{found.note[1:]}.", soft_wrap=True)
        for rank, hypothesis in enumerate(found, start=1):
            console.print(f"{rank}. confidence {hypothesis.confidence:.2f}", style="bold")
            lines = [
                [name, one.source, f"{one.confidence:.2f}", _cell(one.value)]
                for name, one in hypothesis.fields.items()
            ]
            console.print(table_of(["field", "source", "confidence", "value"], lines))
            for each in hypothesis.evidence:
                console.print(f"  from {each}", style="dim", soft_wrap=True)

    def _show(self, answer: Answer) -> None:
        from engram.edges.cli.screen import table_of  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        if answer.plan is not None:
            console.print(table_of(*_plan_cells(answer.plan)))
            console.print()
        columns = _SHOWN if set(_SHOWN) <= {*answer.columns} else answer.columns
        if answer.rows:
            console.print(
                table_of(columns, [[_cell(row[name]) for name in columns] for row in answer])
            )
            console.print()
        if answer.note is not None:
            console.print(f"{answer.note[0].upper()}{answer.note[1:]}.", soft_wrap=True)
        rows = "1 row" if len(answer) == 1 else f"{len(answer):,} rows"
        said = f"{rows}, {answer.timings_us['total'] / 1_000:.1f} ms"
        if answer.confidence is not None and answer.confidence_interval is not None:
            low, high = answer.confidence_interval
            said += f"; confidence {answer.confidence:.2f} ({low:.2f} to {high:.2f})"
        console.print(f"{said}.", style="dim", soft_wrap=True)


def _parameter(given: str) -> tuple[str, Any]:
    """Return name and value of a parameter; InvalidRequest when there is no name."""
    name, equals, value = given.partition("=")
    if not equals or not name:
        from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely needed

        raise InvalidRequest(f"--param {given!r} is not like NAME=VALUE")
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


def _cell(value: Any) -> str:
    from engram.edges.cli.screen import day  # noqa: PLC0415 - not needed for --help

    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, datetime):
        return day(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def _recognition_value(found: Recognition) -> dict[str, Any]:
    return {
        "familiarity": found.familiarity,
        "familiarity_interval": list(found.familiarity_interval),
        "identical": found.identical,
        "nearest": [recollection_value(hit, explain=False) for hit in found.nearest],
        "note": found.note,
    }


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
