"""Collecting many commands into the columns of one."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

import msgspec

from engram.model.commands import Remember, RememberBatch
from engram.model.errors import check
from engram.model.particulars import (
    ENTITY,
    FACT_KEY,
    PRIORITY_DEFAULT,
    ParticularColumns,
    Particulars,
)

_NO_PARTICULARS: Final = Particulars()
_NO_COLUMNS: Final = ParticularColumns()
_PRIORITY_DEFAULT: Final = bytes([PRIORITY_DEFAULT])
_NO_NORM: Final = array("f", [math.nan]).tobytes()


class LabelTable:
    """Collects the distinct labels of a batch and numbers them from 1; 0 means none."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self._numbers: dict[str | None, int] = {None: 0}

    def number(self, label: str | None) -> int:
        """Return the number of `label`, adding it when it is new."""
        found = self._numbers.get(label)
        if found is not None:
            return found
        check(label is not None, "the number 0 stands for no label from the start")
        self.labels.append(str(label))
        self._numbers[label] = len(self.labels)
        return len(self.labels)


def collect(items: Sequence[Remember], embedder: str, dimensions: int) -> RememberBatch:
    """Return the columns of lone commands; items without a vector get an inverse norm of NaN."""
    if all(each.is_plain for each in items):
        return _collect_plain(items, embedder, dimensions)
    table = LabelTable()
    number = table.number
    count = len(items)
    rows = map(msgspec.structs.astuple, items)
    (
        contents, keys, kinds, confidences, occurred, sources, sessions, tags, metadata, vectors,
        norms, _, chances, _, particulars, linked, _,
    ) = zip(*rows, strict=True) if count else ((),) * 17  # fmt: skip
    if any(particulars):
        labelled = [_labels(number, *each) for each in zip(tags, particulars, strict=True)]
    else:
        labelled = [[number(tag) for tag in own] if own else own for own in tags]
    return RememberBatch(
        count=count,
        contents=b"".join(contents),
        content_bytes=array("I", map(len, contents)).tobytes(),
        content_keys=array("Q", keys).tobytes(),
        kinds=bytes(kinds),
        confidences=array("f", confidences).tobytes(),
        occurred_at=array("q", [moment or 0 for moment in occurred]).tobytes(),
        dated=bytes([moment is not None for moment in occurred]),
        sources=array("I", map(number, sources)).tobytes() if any(sources) else bytes(4 * count),
        sessions=array("I", map(number, sessions)).tobytes() if any(sessions) else bytes(4 * count),
        tag_counts=bytes(map(len, labelled)),
        tags=array("I", chain.from_iterable(labelled)).tobytes(),
        labels=table.labels,
        metadata=b"".join(metadata),
        metadata_bytes=array("I", map(len, metadata)).tobytes(),
        inverse_norms=array("f", norms).tobytes(),
        vectors=b"".join(vectors),
        dimensions=dimensions,
        embedder=embedder,
        chance=b"".join(chances),
        particulars=_particular_columns(particulars) if any(particulars) else None,
        linked=_linked(linked, sessions, labelled),
    )


def _collect_plain(items: Sequence[Remember], embedder: str, dimensions: int) -> RememberBatch:
    """Return the columns of plain commands at a third of the cost: most hold the same for all."""
    batch = plain_columns(
        [each.content for each in items],
        keys=array("Q", [each.content_key for each in items]).tobytes(),
        confidences=array("f", [each.confidence for each in items]).tobytes(),
        chance=b"".join([each.chance for each in items]),
    )
    batch.inverse_norms = array("f", [each.inverse_norm for each in items]).tobytes()
    batch.vectors = b"".join([each.vector for each in items])
    batch.embedder, batch.dimensions = embedder, dimensions
    return batch


def plain_columns(
    contents: Sequence[bytes], *, keys: bytes, confidences: bytes, chance: bytes
) -> RememberBatch:
    """Return the columns of memories of which nothing else is said, their vectors still to come."""
    count = len(contents)
    none, zeros = bytes(count), bytes(4 * count)
    return RememberBatch(
        count=count,
        contents=b"".join(contents),
        content_bytes=array("I", map(len, contents)).tobytes(),
        content_keys=keys,
        kinds=none,
        confidences=confidences,
        occurred_at=bytes(8 * count),
        dated=none,
        sources=zeros,
        sessions=zeros,
        tag_counts=none,
        tags=b"",
        labels=[],
        metadata=b"",
        metadata_bytes=zeros,
        inverse_norms=_NO_NORM * count,
        vectors=b"",
        dimensions=0,
        embedder="",
        chance=chance,
    )


def _labels(
    number: Callable[[str | None], int], tags: tuple[str, ...], particulars: Particulars | None
) -> list[int]:
    """Return the numbers of all labels of a memory: tags, then entities, then its fact's key."""
    numbers = [number(tag) for tag in tags]
    if particulars is not None:
        numbers += [number(entity) | ENTITY for entity in particulars.entities]
        if particulars.fact_key is not None:
            numbers.append(number(particulars.fact_key) | FACT_KEY)
    return numbers


def _particular_columns(given: Sequence[Particulars | None]) -> ParticularColumns | None:
    """Return the columns of what some memories have; None when labels are all of it."""
    rows = [each or _NO_PARTICULARS for each in given]
    priorities, ends = bytes([row.priority for row in rows]), [row.expires_at for row in rows]
    earlier = [half for row in rows for half in row.supersedes or (0, 0)]
    columns = ParticularColumns(
        priorities if priorities.strip(_PRIORITY_DEFAULT) else b"",
        array("q", ends).tobytes() if any(ends) else b"",
        array("Q", earlier).tobytes() if any(earlier) else b"",
    )
    return None if columns == _NO_COLUMNS else columns


def _linked(linked: Sequence[bool], *labels: Sequence[object]) -> bytes:
    """Return a byte a memory: 1 for those to be linked; nothing when no label asks for it."""
    if not any(map(any, labels)) or not any(linked):
        return b""
    return bytes(wanted and any(each) for wanted, *each in zip(linked, *labels, strict=True))
