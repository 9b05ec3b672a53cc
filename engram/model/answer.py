"""What a statement of the query language is answered with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from engram.model.memory import Memory
from engram.model.recollection import Interval


class AnswerRow(msgspec.Struct, frozen=True):
    """One row of an answer: its fields by the names of the answer's columns.

    `evidence` are the ids of the memories it stands on. `confidence` says how sure the answer is of
    the row, within `confidence_interval`; None where nothing is believed or doubted, as of a count.
    `memory` is the memory the row is about, where it is about one.
    """

    fields: Mapping[str, Any]
    confidence: float | None = None
    confidence_interval: Interval | None = None
    evidence: tuple[str, ...] = ()
    memory: Memory | None = None

    def __getitem__(self, column: str) -> Any:
        """Return what a column holds."""
        return self.fields[column]


class PlanStep(msgspec.Struct, frozen=True):
    """A step of a plan: how many rows it is expected to leave and how long it is to take.

    What was measured is filled in by PROFILE; None where a step was not needed or not told apart.
    """

    name: str
    detail: str
    rows: int
    cost_us: float
    measured_rows: int | None = None
    measured_us: float | None = None


class Plan(msgspec.Struct, frozen=True):
    """How a statement is carried out, and what that is expected to cost, in microseconds."""

    steps: tuple[PlanStep, ...]

    @property
    def cost_us(self) -> float:
        """The cost of all steps."""
        return sum(step.cost_us for step in self.steps)

    @property
    def costliest(self) -> PlanStep:
        """The step that is expected to take longest."""
        return max(self.steps, key=lambda step: step.cost_us)

    def __str__(self) -> str:
        """Return the plan as text, a line a step."""
        return "\n".join(map(_told, self.steps))


class Answer(msgspec.Struct, frozen=True):
    """An answer: rows under named columns, in the order asked for.

    `statement` is the text that was asked; `confidence` is that of the row the answer is surest of,
    with its interval, None without any. `evidence` are all memories its
    rows stand on. `note` says why there are no rows, or what was left out. `timings_us` has an
    entry a stage, `total` included. EXPLAIN and PROFILE fill in `plan`; after EXPLAIN there are no
    rows. `result` is what the verb of the library returned that carried the statement out.
    """

    statement: str
    space: str
    columns: tuple[str, ...]
    rows: tuple[AnswerRow, ...]
    timings_us: Mapping[str, float]
    note: str | None = None
    plan: Plan | None = None
    result: Any = None

    def __iter__(self) -> Iterator[AnswerRow]:
        """Iterate the rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def __getitem__(self, position: int) -> AnswerRow:
        """Return one row."""
        return self.rows[position]

    @property
    def confidence(self) -> float | None:
        """That of the row the answer is surest of."""
        surest = self._surest
        return None if surest is None else surest.confidence

    @property
    def confidence_interval(self) -> Interval | None:
        """The interval of that."""
        surest = self._surest
        return None if surest is None else surest.confidence_interval

    @property
    def evidence(self) -> tuple[str, ...]:
        """The ids of all memories the rows stand on, each once."""
        return tuple(dict.fromkeys(each for row in self.rows for each in row.evidence))

    @property
    def _surest(self) -> AnswerRow | None:
        told = [row for row in self.rows if row.confidence is not None]
        return max(told, key=lambda row: row.confidence or 0.0, default=None)


def _told(step: PlanStep) -> str:
    said = f"{step.name}: {step.detail}; about {step.rows:,} rows, {step.cost_us:,.0f} us"
    if step.measured_us is None:
        return said
    rows = "" if step.measured_rows is None else f"{step.measured_rows:,} rows, "
    return f"{said}; measured {rows}{step.measured_us:,.0f} us"
