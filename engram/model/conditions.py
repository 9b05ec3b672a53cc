"""Conditions on memories as trees: what WHERE says, as it is written and as rows are judged by.

Rule 1: every condition holds for a memory or it does not; there is no third. A comparison with a
        field that a memory does not have does not hold, so its negation does.
Rule 2: what is judged by is bound: no `Parameter` and no `Ago` is left in it.
"""

from __future__ import annotations

from typing import Final

import msgspec

METADATA: Final = "metadata."
"""What fields begin with that are paths into metadata."""


class Parameter(msgspec.Struct, frozen=True, gc=False):
    """A value that comes with the statement, by name; `role` is what it stands for there."""

    name: str
    role: str


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A time, in microseconds since the epoch."""

    us: int


class Ago(msgspec.Struct, frozen=True, gc=False):
    """A time that lies `amount` units before the moment of asking; `unit` is that of a span."""

    amount: int | float
    unit: str


class Span(msgspec.Struct, frozen=True, gc=False):
    """How long something is; `unit` is ms, s, m, h, d or w."""

    amount: int | float
    unit: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.amount * SECONDS[self.unit]


SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""How long a unit of a span is, in seconds."""

Value = str | int | float | bool | Moment | Ago | Span | Parameter


class Compare(msgspec.Struct, frozen=True, gc=False):
    """A field compared with a value; `operator` is one of =, !=, <, <=, >, >=, BEFORE, AFTER.

    AFTER includes the moment itself, as filters by time do.
    """

    field: str
    operator: str
    value: Value


class Among(msgspec.Struct, frozen=True, gc=False):
    """A field that equals one of some values."""

    field: str
    values: tuple[Value, ...]


class Between(msgspec.Struct, frozen=True, gc=False):
    """A field from one value to another, both included."""

    field: str
    low: Value
    high: Value


class Contains(msgspec.Struct, frozen=True, gc=False):
    """A text that somewhere holds another, whatever the case of letters."""

    text: str | Parameter


class Matches(msgspec.Struct, frozen=True, gc=False):
    """A text that as a whole is like a pattern: * is any run of characters, ? is any one."""

    pattern: str | Parameter


class Has(msgspec.Struct, frozen=True, gc=False):
    """A memory with a label; `field` is tag or entity."""

    field: str
    label: str | Parameter


class AllOf(msgspec.Struct, frozen=True, gc=False):
    """Conditions that hold together."""

    parts: tuple[Condition, ...]


class AnyOf(msgspec.Struct, frozen=True, gc=False):
    """Conditions of which one holds at least."""

    parts: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True, gc=False):
    """A condition that does not hold."""

    part: Condition


Condition = Compare | Among | Between | Contains | Matches | Has | AllOf | AnyOf | Not


def reads_bodies(condition: Condition) -> bool:
    """Whether texts or metadata are read to judge by it, not columns alone."""
    if isinstance(condition, AllOf | AnyOf):
        return any(map(reads_bodies, condition.parts))
    if isinstance(condition, Not):
        return reads_bodies(condition.part)
    if isinstance(condition, Contains | Matches):
        return True
    return condition.field == "content" or condition.field.startswith(METADATA)
