"""What `remember_many` is given: checked whole, then made into columns part by part."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from engram.model.collecting import plain_columns
from engram.model.commands import ROW_BYTES_MAX, Remember, RememberBatch
from engram.model.ids import RANDOM_BYTES_PER_ID
from engram.model.limits import BATCH_COUNT_MAX, CONTENT_BYTES_MAX, PART_BYTES_MAX
from engram.ports import Entropy
from engram.service import batching
from engram.service.preparing import NewMemory, columns_of, plain_keys, prepare_many

Rows = NDArray[np.float32]


class Items(Protocol):
    """Checked items. What makes columns or cuts parts blocks and is for worker threads."""

    @property
    def items_count(self) -> int:
        """How many there are."""

    def parts(self, vector_bytes: int) -> list[slice]:
        """Return them cut into parts that fit one record of the log each."""

    def texts(self, part: slice) -> list[str]:
        """Return the contents of a part."""

    def columns(
        self, part: slice, rows: Rows | None, norms: Rows | None, embedder: str
    ) -> RememberBatch:
        """Return the columns of a part, with the vectors of its items; see `columns_of`."""


class Commands(NamedTuple):
    """Items of any kind, each a command."""

    commands: Sequence[Remember]

    @property
    def items_count(self) -> int:
        """How many there are."""
        return len(self.commands)

    def parts(self, vector_bytes: int) -> list[slice]:
        """Return them cut into parts that fit one record of the log each."""
        found, first = [], 0
        for part in batching.parts(self.commands, vector_bytes):
            found.append(slice(first, first + len(part)))
            first += len(part)
        return found

    def texts(self, part: slice) -> list[str]:
        """Return the contents of a part."""
        return [command.content.decode() for command in self.commands[part]]

    def columns(
        self, part: slice, rows: Rows | None, norms: Rows | None, embedder: str
    ) -> RememberBatch:
        """Return the columns of a part, with the vectors of its items; see `columns_of`."""
        return columns_of(self.commands[part], rows, norms, embedder)


class Texts(NamedTuple):
    """Texts of which nothing else is said: the same columns without an object a memory."""

    contents: list[bytes]
    entropy: Entropy

    @property
    def items_count(self) -> int:
        """How many there are."""
        return len(self.contents)

    def parts(self, vector_bytes: int) -> list[slice]:
        """Return them cut into parts that fit one record of the log each."""
        sizes = np.fromiter(map(len, self.contents), np.int64, self.items_count)
        ends = np.cumsum(sizes + (vector_bytes + ROW_BYTES_MAX))
        found, first, begun = [], 0, 0
        while first < self.items_count:
            fitting = int(np.searchsorted(ends, begun + PART_BYTES_MAX, "right"))
            last = max(first + 1, min(fitting, first + BATCH_COUNT_MAX))
            found.append(slice(first, last))
            first, begun = last, int(ends[last - 1])
        return found

    def texts(self, part: slice) -> list[str]:
        """Return the contents of a part."""
        return [content.decode() for content in self.contents[part]]

    def columns(
        self, part: slice, rows: Rows | None, norms: Rows | None, embedder: str
    ) -> RememberBatch:
        """Return the columns of a part, with the vectors of its items; see `columns_of`."""
        contents = self.contents[part]
        count = len(contents)
        batch = plain_columns(
            contents,
            keys=plain_keys(contents),
            confidences=array("f", [1.0]).tobytes() * count,
            chance=self.entropy.token(RANDOM_BYTES_PER_ID * count),
        )
        if rows is not None and norms is not None:
            batch.vectors = rows.data.cast("B")
            batch.inverse_norms = norms.astype("<f4", copy=False).tobytes()
            batch.embedder, batch.dimensions = embedder, rows.shape[1]
        return batch


def checked(
    items: Sequence[NewMemory | str], entropy: Entropy, *, vectors_given: bool, keyed: bool
) -> Items:
    """Return the items once every rule is checked; blocks.

    `keyed` says that the request has a key, whose digest is taken over commands.

    Raises InvalidRequest that names the items that break a rule.
    """
    texts = None if keyed else _texts(items, entropy, vectors_given=vectors_given)
    return texts or Commands(prepare_many(items, entropy, vectors_given))


def _texts(
    items: Sequence[NewMemory | str], entropy: Entropy, *, vectors_given: bool
) -> Texts | None:
    """Return items that are all sound texts, None when one needs a look of its own."""
    if set(map(type, items)) != {str}:
        return None
    try:
        contents = [str.encode(item) for item in items]  # type: ignore[arg-type]
    except UnicodeEncodeError:
        return None
    if max(map(len, contents)) > CONTENT_BYTES_MAX or not (vectors_given or all(contents)):
        return None
    return Texts(contents, entropy)
