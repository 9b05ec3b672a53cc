"""What spreading activation over associations came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat, starmap
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from engram.model.ids import format_id, format_ids


class Activation(NamedTuple):
    """How active a memory became, or the label of a tag or an entity: of these one is None.

    `hops` is how many associations away from where it began it was reached first.
    """

    memory_id: str | None
    label: str | None
    activation: float
    hops: int


class ActivationColumns(NamedTuple):
    """Many of them: ids as two halves uint64[n], f32[n], uint8[n]; labels by position."""

    id_high: NDArray[np.uint64]
    id_low: NDArray[np.uint64]
    activations: NDArray[np.float32]
    hops: NDArray[np.uint8]
    labels: dict[int, str]


class Activations(Sequence[Activation]):
    """The most active first, without where it began; each is written out when it is looked at.

    `reached_count` is how many there are in all, listed or not, `edges_count` how many
    associations were read, and `is_partial` says that there were more than the budget allows.
    """

    __slots__ = ("_columns", "edges_count", "is_partial", "reached_count")

    def __init__(
        self, columns: ActivationColumns, reached_count: int, edges_count: int, *, is_partial: bool
    ) -> None:
        self._columns = columns
        self.reached_count, self.edges_count = reached_count, edges_count
        self.is_partial = is_partial

    def __len__(self) -> int:
        """Return how many are listed."""
        return len(self._columns.activations)

    def __iter__(self) -> Iterator[Activation]:
        """Iterate them; all together take half of what they take one by one."""
        return starmap(Activation, self.fields())

    def fields(self) -> Iterator[tuple[str | None, str | None, float, int]]:
        """Iterate the fields of each, sooner than the same as objects."""
        columns, labels = self._columns, self._columns.labels
        halves = np.stack((columns.id_high, columns.id_low), axis=1)
        ids: list[str | None] = [*format_ids(halves.astype(">u8").tobytes())]
        for at in labels:
            ids[at] = None
        names = map(labels.get, range(len(ids))) if labels else repeat(None, len(ids))
        return zip(ids, names, columns.activations.tolist(), columns.hops.tolist(), strict=True)

    @overload
    def __getitem__(self, position: int) -> Activation: ...

    @overload
    def __getitem__(self, position: slice) -> list[Activation]: ...

    def __getitem__(self, position: int | slice) -> Activation | list[Activation]:
        """Return one of them, or a run."""
        if isinstance(position, slice):
            return [self[at] for at in range(*position.indices(len(self)))]
        at, columns = range(len(self))[position], self._columns
        label = columns.labels.get(at)
        memory_id = None
        if label is None:
            memory_id = format_id(columns.id_high[at].item(), columns.id_low[at].item())
        return Activation(memory_id, label, columns.activations[at].item(), columns.hops[at].item())

    def __repr__(self) -> str:
        """Return how many there are."""
        return f"<{len(self)} of {self.reached_count} active>"
