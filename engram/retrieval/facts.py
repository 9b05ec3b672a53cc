"""What memories say of subjects, as columns: read out of keys and texts once, compared many times.

Rule 1: it costs nothing until somebody asks for contradictions; then every text is read once, and
        from then on what was remembered since.
Rule 2: derived and disposable. It is dropped whole when rows are renumbered or memories erased.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.model.details import taken_apart
from engram.model.particulars import ENTITY, FACT_KEY, LABEL_MASK
from engram.retrieval.episodes import EpisodeIndex
from engram.state.columns import take

if TYPE_CHECKING:
    from engram.retrieval.statements import Statement
    from engram.state.space import View

Bools = NDArray[np.bool_]
Codes = NDArray[np.uint32]

# So many texts are read between two looks at whether somebody still waits.
_ROWS_AT_ONCE: Final = 1_024
# Of so many values of one subject some contradict each other: they are not compared one by one.
_COMPARED_MAX: Final = 64
_DENIED: Final = 1


class Dispute(NamedTuple):
    """A subject of which rows say what cannot be true together; `relation` "" for a key.

    `rows` are ascending, with the value each of them gives, as it is written, and whether the row
    denies it.
    """

    subject: str
    relation: str
    rows: list[int]
    values: list[str]
    denied: list[bool]


class _Subject(NamedTuple):
    name: str
    relation: str
    """"" for a key."""


class FactIndex:
    """What every memory of a space says of whom; any thread may ask, one at a time reads.

    `episodes` is what each says of itself: what, where, who, why and how.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbering = self._erased_lsn = 0
        self.episodes = EpisodeIndex()
        self._clear()

    def _clear(self) -> None:
        self._rows_read = 0
        self._subjects: list[_Subject] = []
        self._subject_codes: dict[tuple[str, str, int], int] = {}
        self._values: list[str] = []
        self._value_codes: dict[str, int] = {}
        self._columns = tuple(array("I") for _ in range(4))

    @property
    def rows_read(self) -> int:
        """How many rows were read so far."""
        return self._rows_read

    @property
    def resident_bytes(self) -> int:
        """Bytes of the columns, and of the texts about."""
        texts = self.episodes.resident_bytes
        texts += 250 * len(self._subjects) + 200 * len(self._values)
        return texts + sum(column.itemsize * len(column) for column in self._columns)

    def disputes(self, view: View, current: Bools, check: Callable[[], None]) -> list[Dispute]:
        """Return what rows of `view` for which `current` bool[count] holds dispute, newest first.

        May read sealed segments, and then it blocks. `check` is called now and then; what it raises
        ends the search, and what was read until then is kept.
        """
        with self._lock:
            if view.numbering != self._numbering or view.erased_lsn != self._erased_lsn:
                self._clear()
                self._numbering, self._erased_lsn = view.numbering, view.erased_lsn
            while self._rows_read < view.count:
                check()
                last = min(view.count, self._rows_read + _ROWS_AT_ONCE)
                self._read(view, self._rows_read, last)
                self._rows_read = last
            rows, subjects, values, flags = (
                np.array(column, np.uint32) for column in self._columns
            )
        known = int(np.searchsorted(rows, view.count))
        said = np.flatnonzero(current[rows[:known]])
        said = said[np.argsort(subjects[said], kind="stable")]
        found = []
        for run in _runs_with_several(subjects[said], values[said] * np.uint32(2) + flags[said]):
            check()
            dispute = self._dispute(said[run], rows, values, flags, int(subjects[said[run[0]]]))
            if dispute is not None:
                found.append(dispute)
        return sorted(found, key=lambda each: -each.rows[-1])

    def _dispute(
        self, at: NDArray[np.intp], rows: Codes, values: Codes, flags: Codes, subject: int
    ) -> Dispute | None:
        claims = list(zip(values[at].tolist(), flags[at].tolist(), strict=True))
        name, relation = self._subjects[subject]
        against = _contradicted({*claims}, self._values, relation)
        kept = [place for place, claim in zip(at.tolist(), claims, strict=True) if claim in against]
        if len({*rows[kept].tolist()}) < 2:  # noqa: PLR2004 - one memory alone disputes nothing
            return None
        return Dispute(
            name,
            relation,
            rows[kept].tolist(),
            [self._values[number] for number in values[kept].tolist()],
            [flag == _DENIED for flag in flags[kept].tolist()],
        )

    def _read(self, view: View, first: int, last: int) -> None:
        from engram.retrieval.statements import (  # noqa: PLC0415 - its patterns take milliseconds
            statements,
            subject_key,
        )

        keys = dict(_keys_of(view, first, last))
        sources = view.gather("source", np.arange(first, last)).tolist()
        for row, text in enumerate(view.texts(first, last), start=first):
            key = keys.get(row)
            if key is not None:
                value = taken_apart(view.metadata_of(row)).details.fact_value
                self._add(row, _Subject(key, ""), key, 0, text if value is None else value)
            for each in statements(text):
                source = sources[row - first] if each.is_own else 0
                self._add_statement(row, each, subject_key(each.subject), source)

    def _add_statement(self, row: int, each: Statement, key: str, source: int) -> None:
        subject = _Subject(each.subject, each.relation)
        self._add(row, subject, key, source, each.value, denied=each.is_denied)

    def _add(
        self,
        row: int,
        subject: _Subject,
        key: str,
        source: int,
        value: str,
        *,
        denied: bool = False,
    ) -> None:
        place = (key, subject.relation, source)
        code = self._subject_codes.setdefault(place, len(self._subjects))
        if code == len(self._subjects):
            self._subjects.append(subject)
        value_code = self._value_codes.setdefault(value, len(self._values))
        if value_code == len(self._values):
            self._values.append(value)
        for column, number in zip(
            self._columns, (row, code, value_code, _DENIED * denied), strict=True
        ):
            column.append(number)


def _keys_of(view: View, first: int, last: int) -> Iterator[tuple[int, str]]:
    """Yield the rows of [first, last) that have a fact's key, and that."""
    rows = np.arange(first, last)
    counts = view.gather("tag_count", rows).astype(np.int64)
    total = int(counts.sum())
    if not total:
        return
    starts = view.gather("tag_start", rows).astype(np.int64)
    ends = np.cumsum(counts)
    places = np.arange(total) + np.repeat(starts - ends + counts, counts)
    numbers, owners = take(view.tags, places), np.repeat(rows, counts)
    are_keys = np.flatnonzero((numbers & (ENTITY | FACT_KEY)) == FACT_KEY)
    labels = view.labels.labels
    for row, number in zip(owners[are_keys].tolist(), numbers[are_keys].tolist(), strict=True):
        yield row, labels[number & LABEL_MASK]


def _runs_with_several(subjects: Codes, claims: Codes) -> Iterator[NDArray[np.intp]]:
    """Yield the positions of each run of one subject in which several things are claimed."""
    if not len(subjects):
        return
    begins = np.flatnonzero(np.append(True, subjects[1:] != subjects[:-1]))
    least, most = np.minimum.reduceat(claims, begins), np.maximum.reduceat(claims, begins)
    ends = np.append(begins[1:], len(subjects))
    for run in np.flatnonzero(least != most).tolist():
        yield np.arange(begins[run], ends[run])


def _contradicted(
    claims: Iterable[tuple[int, int]], values: Sequence[str], relation: str
) -> set[tuple[int, int]]:
    """Return those of the claims, values with their flags, that another one contradicts."""
    from engram.retrieval.statements import IS, words_of  # noqa: PLC0415 - as above

    if not relation:
        alike = [(claim, _plain(values[claim[0]])) for claim in claims]
        several = len({plain for _, plain in alike}) > 1
        return {claim for claim, _ in alike} if several else set()
    words = {claim: frozenset(words_of(values[claim[0]])) for claim in claims}
    said = [claim for claim in words if claim[1] != _DENIED]
    denied = [claim for claim in words if claim[1] == _DENIED]
    found = set()
    for no in denied:
        # Whoever lives in Paris, France lives in Paris; of what somebody is each word counts.
        hit = [
            yes
            for yes in said
            if (words[no] == words[yes] if relation == IS else words[no] <= words[yes])
        ]
        found |= {no, *hit} if hit else set()
    if relation != IS:
        if len(said) > _COMPARED_MAX:
            return found | set(said)
        for number, one in enumerate(said):
            for other in said[:number]:
                if not (words[one] <= words[other] or words[other] <= words[one]):
                    found |= {one, other}
    return found


def _plain(value: str) -> str:
    """Return what makes two values of a key the same: case and white space do not tell."""
    return " ".join(value.casefold().split())
