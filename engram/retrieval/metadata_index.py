"""Values in metadata as columns, a path at a time: read once, compared many times.

Rule 1: a path costs nothing until somebody filters by it; then every metadata is read once, and
        from then on what was remembered since.
Rule 2: derived and disposable. It is dropped whole when rows are renumbered or memories erased.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engram.model.details import taken_apart
from engram.model.limits import METADATA_PATHS_MAX
from engram.model.metadata_filter import Condition, Scalar
from engram.state.columns import PAGE_ROWS
from engram.state.space import View

Bools = NDArray[np.bool_]

# Integers up to here are floats without loss; larger ones are compared as they are.
_EXACT_MAX: Final = 1 << 53
_NO_CODE: Final = -1
_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_Key = tuple[str, Scalar]


class _Values:
    """The values at one path: 16 bytes each, and each distinct text once."""

    def __init__(self) -> None:
        self.rows_read = 0
        self.codes: dict[_Key, int] = {}
        self._pending: tuple[list[int], list[float], list[int]] = ([], [], [])
        self._columns = (np.zeros(0, np.uint32), np.zeros(0), np.zeros(0, np.int32))

    def add(self, row: int, value: Any) -> None:
        """Note a value of a row; of a list its elements, of an object nothing."""
        if isinstance(value, list):
            for each in value:
                if not isinstance(each, list | dict):
                    self.add(row, each)
            return
        if isinstance(value, dict):
            return
        rows, numbers, codes = self._pending
        is_number = _is_number(value)
        rows.append(row)
        numbers.append(float(value) if is_number else np.nan)
        codes.append(_NO_CODE if is_number else self.codes.setdefault(_key(value), len(self.codes)))

    def columns(self) -> tuple[NDArray[np.uint32], NDArray[np.float64], NDArray[np.int32]]:
        """Return rows, numbers (NaN: none) and codes of all values, rows ascending."""
        if self._pending[0]:
            rows, numbers, codes = self._columns
            self._columns = (
                np.concatenate([rows, np.array(self._pending[0], np.uint32)]),
                np.concatenate([numbers, np.array(self._pending[1], np.float64)]),
                np.concatenate([codes, np.array(self._pending[2], np.int32)]),
            )
            self._pending = ([], [], [])
        return self._columns

    def passing(self, condition: Condition, count: int) -> Bools:
        """Return bool[count]: the rows with a value for which the condition holds."""
        rows, numbers, codes = self.columns()
        known = int(np.searchsorted(rows, count))
        numbers, codes = numbers[:known], codes[:known]
        holds = np.ones(known, bool)
        if condition.among is not None:
            holds = self._among(condition.among, numbers, codes)
        for name, bound in condition.bounds:
            holds &= self._bounded(_OPERATORS[name], bound, numbers, codes)
        out = np.zeros(count, bool)
        out[rows[:known][holds]] = True
        return out

    def _among(self, wanted: Sequence[Scalar], numbers: Any, codes: Any) -> Bools:
        holds = np.zeros(len(codes), bool)
        for value in wanted:
            if _is_number(value):
                holds |= numbers == float(value or 0)
            elif (code := self.codes.get(_key(value))) is not None:
                holds |= codes == code
        return holds

    def _bounded(
        self, compare: Callable[[Any, Any], Any], bound: str | float, numbers: Any, codes: Any
    ) -> Bools:
        """Compare numbers as columns, texts and huge integers each distinct one once."""
        alike = "text" if isinstance(bound, str) else "integer"
        by_code = np.zeros(len(self.codes) + 1, bool)  # the last one is that of no code
        for (kind, value), code in self.codes.items():
            by_code[code] = kind == alike and bool(compare(value, bound))
        holds: Bools = by_code[codes]
        if not isinstance(bound, str):
            holds |= np.asarray(compare(numbers, bound), bool)
        return holds

    @property
    def resident_bytes(self) -> int:
        """Bytes of the columns, and of the texts about."""
        return sum(column.nbytes for column in self._columns) + 100 * len(self.codes)


class MetadataIndex:
    """The values at the paths that were asked for; any thread may ask, one at a time reads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: dict[str, _Values] = {}
        self._numbering = 0
        self._erased_lsn = 0

    def passing(self, view: View, conditions: Sequence[Condition]) -> Bools | None:
        """Return bool[count]: the rows for which all conditions hold; None when there is none.

        May read sealed segments, and then it blocks: the first time a path is asked for all
        metadata is read, later what came since.
        """
        if not conditions:
            return None
        with self._lock:
            self._fit(view)
            paths = list(dict.fromkeys(condition.path for condition in conditions))
            for path in paths:  # the last ones asked for are the last to go
                self._paths[path] = self._paths.pop(path) if path in self._paths else _Values()
            self._read(view, paths)
            while len(self._paths) > max(METADATA_PATHS_MAX, len(paths)):
                del self._paths[next(iter(self._paths))]
            found = [self._paths[each.path].passing(each, view.count) for each in conditions]
        return np.asarray(np.logical_and.reduce(found), bool)

    def unread(self, view: View, path: str) -> int:
        """Return how many rows have to be read before a condition at a path is judged."""
        is_fit = view.numbering == self._numbering and view.erased_lsn <= self._erased_lsn
        values = self._paths.get(path) if is_fit else None
        return view.count if values is None else max(0, view.count - values.rows_read)

    @property
    def resident_bytes(self) -> int:
        """Bytes of all columns."""
        return sum(values.resident_bytes for values in list(self._paths.values()))

    def _fit(self, view: View) -> None:
        """Forget everything that row numbers, or erased memories, have made untrue."""
        if view.numbering != self._numbering or view.erased_lsn > self._erased_lsn:
            self._paths.clear()
            self._numbering, self._erased_lsn = view.numbering, view.erased_lsn

    def _read(self, view: View, paths: Sequence[str]) -> None:
        for first in sorted({self._paths[path].rows_read for path in paths}):
            wanted = [(path, self._paths[path]) for path in paths]
            wanted = [each for each in wanted if each[1].rows_read == first < view.count]
            for row in _rows_with_metadata(view, first) if wanted else ():
                metadata = taken_apart(view.metadata_of(row)).metadata
                for path, values in wanted if metadata is not None else ():
                    found = _at(metadata, path)
                    if found is not _NOTHING:
                        values.add(row, found)
            for _, values in wanted:
                values.rows_read = view.count


_NOTHING: Final = object()


def _rows_with_metadata(view: View, first: int) -> Iterator[int]:
    for start in range(first, view.count, PAGE_ROWS):
        rows = np.arange(start, min(start + PAGE_ROWS, view.count))
        yield from rows[view.gather("metadata_bytes", rows) > 0].tolist()


def _at(value: Any, path: str) -> Any:
    """Return what is at a path; a key that holds dots itself goes before the way through them."""
    if not isinstance(value, dict):
        return _NOTHING
    if path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    return _at(value.get(head), rest) if dot else _NOTHING


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or -_EXACT_MAX <= value <= _EXACT_MAX


def _key(value: Scalar) -> _Key:
    """Return what tells values apart that Python holds equal, as 1 and true."""
    if isinstance(value, str):
        return "text", value
    return (
        ("integer", value)
        if isinstance(value, int) and not isinstance(value, bool)
        else ("word", value)
    )
