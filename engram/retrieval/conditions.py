"""Which rows meet a condition: columns as a whole, bodies of the rows that are left.

Of conditions that hold together the cheap ones are judged first, and the others for the rows that
pass; of conditions of which one is enough, likewise the rows that do not pass yet.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

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
    Moment,
    Not,
    Span,
    Value,
    reads_bodies,
)
from engram.model.errors import check
from engram.model.ids import MemoryId, parse_id
from engram.model.memory import MemoryKind
from engram.model.metadata_filter import Condition as MetadataCondition
from engram.model.particulars import ENTITY, FACT_KEY
from engram.retrieval.membership import is_one_of
from engram.state.columns import take

if TYPE_CHECKING:
    from engram.model.metadata_filter import Scalar
    from engram.retrieval.metadata_index import MetadataIndex
    from engram.state.space import View

Bools = NDArray[np.bool_]
Bounds = tuple[tuple[str, str | int | float], ...]
Rows = NDArray[np.int64]

# So many texts are read between two looks at whether somebody still waits.
_ROWS_AT_ONCE: Final = 1_024
_DAY_SECONDS: Final = 86_400
_COMPARE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "BEFORE": operator.lt,
    "AFTER": operator.ge,
}
_BOUNDS: Final = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_TIMES: Final = {"created": "recorded_at", "occurred": "occurred_at"}
_LABELLED: Final = {"tag": 0, "entity": ENTITY, "fact_key": FACT_KEY}
_TEXTS_OF: Final = {"kind", "source", "session"}


class Judge:
    """Judges rows of one view by bound conditions; may read sealed segments, and then it blocks.

    `stop` is called now and then; what it raises ends the search.
    """

    def __init__(
        self, view: View, metadata: MetadataIndex, stop: Callable[[], None] | None = None
    ) -> None:
        self._view, self._metadata, self._stop = view, metadata, stop

    def meets(self, condition: Condition, rows: Rows) -> Bools:
        """Return bool[n]: whether each of `rows` meets a condition."""
        if not len(rows):
            return np.zeros(0, bool)
        if isinstance(condition, AllOf | AnyOf):
            return self._several(condition, rows)
        if isinstance(condition, Not):
            return ~self.meets(condition.part, rows)
        if isinstance(condition, Contains | Matches):
            return self._texts(rows, _holds(condition))
        if isinstance(condition, Has):
            return self._labelled(rows, [str(condition.label)], _LABELLED[condition.field])
        return self._by_field(condition, rows)

    def _by_field(self, condition: Compare | Among | Between, rows: Rows) -> Bools:
        field = condition.field
        if isinstance(condition, Compare):
            return self._compared(field, condition.operator, condition.value, rows)
        if isinstance(condition, Among):
            return self._among(field, condition.values, rows)
        if field.startswith(METADATA):  # of a list, one element has to lie between
            bounds = cast("Bounds", (("gte", condition.low), ("lte", condition.high)))
            path = field.removeprefix(METADATA)
            return self._of_metadata(MetadataCondition(path, None, bounds), rows)
        low = self._compared(field, ">=", condition.low, rows)
        return low & self._compared(field, "<=", condition.high, rows)

    def _several(self, condition: AllOf | AnyOf, rows: Rows) -> Bools:
        parts = sorted(condition.parts, key=_cost)
        wanted = isinstance(condition, AllOf)
        left = np.arange(len(rows))  # those for which nothing is settled yet
        for part in parts:
            left = left[self.meets(part, rows[left]) == wanted]
        out = np.full(len(rows), not wanted)
        out[left] = wanted
        return out

    def _compared(self, field: str, name: str, value: Value, rows: Rows) -> Bools:
        if name == "!=":
            return ~self._among(field, (value,), rows)
        if name == "=":
            return self._among(field, (value,), rows)
        if field.startswith(METADATA):
            bound = _BOUNDS[name], cast("str | int | float", value)
            path = field.removeprefix(METADATA)
            return self._of_metadata(MetadataCondition(path, None, (bound,)), rows)
        column, wanted = self._numbers(field, rows), _number(field, value)
        return np.asarray(_COMPARE[name](column, wanted), bool)

    def _among(self, field: str, values: Sequence[Value], rows: Rows) -> Bools:
        if field.startswith(METADATA):
            among = cast("tuple[Scalar, ...]", tuple(values))
            return self._of_metadata(MetadataCondition(field.removeprefix(METADATA), among), rows)
        if field == "content":
            texts = frozenset(map(str, values))
            return self._texts(rows, texts.__contains__)
        if field == "id":
            return self._named(rows, [parse_id(str(value)) for value in values])
        if field == "fact_key":
            return self._labelled(rows, list(map(str, values)), FACT_KEY)
        if field in _TEXTS_OF:
            wanted = [self._code(field, str(value)) for value in values]
            known = [code for code in wanted if code is not None]
            return is_one_of(self._view.gather(field, rows), known)
        numbers = [_number(field, value) for value in values]
        column = self._numbers(field, rows)
        return np.asarray(np.logical_or.reduce([column == number for number in numbers]), bool)

    def _named(self, rows: Rows, ids: Sequence[MemoryId]) -> Bools:
        wanted = set(ids)
        low = self._view.gather("id_low", rows)
        out = np.isin(low, np.array([each.low for each in wanted], np.uint64))
        at = np.flatnonzero(out)
        high = self._view.gather("id_high", rows[at]).tolist()
        out[at] = [pair in wanted for pair in zip(high, low[at].tolist(), strict=True)]
        return out

    def _code(self, field: str, label: str) -> int | None:
        if field == "kind":
            return int(MemoryKind.parse(label))
        return self._view.labels.numbers.get(label)

    def _numbers(self, field: str, rows: Rows) -> NDArray[Any]:
        if field in _TIMES:  # a memory's times are told in microseconds
            return np.asarray(self._view.gather(_TIMES[field], rows) // 1_000)
        column = self._view.gather(field, rows)
        return column if field == "confidence" else column.astype(np.float64)

    def _of_metadata(self, condition: MetadataCondition, rows: Rows) -> Bools:
        found = self._metadata.passing(self._view, [condition])
        check(found is not None, "a condition on metadata is judged")
        return np.asarray(found)[rows]

    def _labelled(self, rows: Rows, labels: Sequence[str], bit: int) -> Bools:
        known = self._view.labels.numbers
        wanted = [known[label] | bit for label in labels if label in known]
        out = np.zeros(len(rows), bool)
        counts = self._view.gather("tag_count", rows).astype(np.int64)
        total = int(counts.sum())
        if not wanted or not total:
            return out
        owners = np.repeat(np.arange(len(rows)), counts)
        starts = self._view.gather("tag_start", rows).astype(np.int64)
        firsts = np.repeat(starts - (np.cumsum(counts) - counts), counts)
        numbers = take(self._view.tags, firsts + np.arange(total))
        out[owners[is_one_of(numbers, wanted)]] = True
        return out

    def _texts(self, rows: Rows, holds: Callable[[str], bool]) -> Bools:
        out = np.zeros(len(rows), bool)
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            if self._stop is not None:
                self._stop()
            some = rows[first : first + _ROWS_AT_ONCE]
            texts = self._view.contents(some)
            out[first : first + len(some)] = [holds(text.decode()) for text in texts]
        return out


def _holds(condition: Contains | Matches) -> Callable[[str], bool]:
    """Return what says whether a text holds another, or is like a pattern."""
    if isinstance(condition, Contains):
        wanted = str(condition.text).casefold()
        return lambda text: wanted in text.casefold()
    match = pattern_of(str(condition.pattern)).match
    return lambda text: match(text) is not None


def _number(field: str, value: Value) -> Any:
    """Return what a column is compared with."""
    if isinstance(value, Moment):
        return value.us
    if isinstance(value, Span):
        return value.seconds / _DAY_SECONDS
    check(isinstance(value, int | float), "a number is compared with a number")
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = float("inf") if value > 0 else float("-inf")  # type: ignore[operator]
    return np.float32(number) if field == "confidence" else number


def _cost(condition: Condition) -> int:
    """Return in which order conditions are judged: columns, metadata, texts."""
    if not reads_bodies(condition):
        return 0
    is_text = isinstance(condition, Contains | Matches) or (
        isinstance(condition, Compare | Among) and condition.field == "content"
    )
    return 2 if is_text or isinstance(condition, AllOf | AnyOf | Not) else 1


def pattern_of(pattern: str) -> re.Pattern[str]:
    r"""Return what matches texts that are like a pattern as a whole, whatever the case of letters.

    `*` is any run of characters and `?` any one; after a backslash both are themselves. The time it
    takes grows with the text's length times the pattern's, never faster: what a run has found is
    not tried anew.
    """
    pieces = [""]
    for found in re.finditer(r"\\([*?\\])|(\*+)|(\?)|(.)", pattern, re.DOTALL):
        escaped, run, one, other = found.groups()
        if run:
            pieces.append("")
        else:
            pieces[-1] += "." if one else re.escape(escaped or other)
    first, *middle = pieces
    last = f".*{middle.pop()}" if middle else ""
    inner = "".join(f"(?>.*?{piece})" for piece in middle if piece)
    return re.compile(rf"{first}{inner}{last}\Z", re.DOTALL | re.IGNORECASE)
