"""Many memories in as few requests as a server takes: each part is stored whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engram.edges.client.line import Asked, Line
from engram.model.errors import InvalidRequest
from engram.model.memory import RememberedMany

if TYPE_CHECKING:
    from engram.service.preparing import NewMemory

Progress = Callable[[int, int], None]


async def remember_many(
    line: Line,
    space: str,
    items: Iterable[NewMemory | str],
    embeddings: ArrayLike | None,
    progress: Progress | None,
    request_key: str | None,
) -> RememberedMany:
    """Remember items part after part; see `RemoteSpace.remember_many`."""
    cut = list(line.parts(list(_fields(items, embeddings))))
    total = sum(part.items_count for part in cut)
    key = request_key or line.new_key()
    ids: list[str] = []
    lsn = created = 0
    for number, part in enumerate(cut):
        own = key if number == 0 else f"{key}.{number}"
        asked = Asked("POST", "/memories/batch", space, body=part.body, key=own)
        done = await line.ask(asked, RememberedMany)
        ids += done.ids
        lsn, created = done.lsn, created + done.created_count
        if progress is not None:
            progress(len(ids), total)
    return RememberedMany(ids, lsn, created)


def _fields(
    items: Iterable[NewMemory | str], embeddings: ArrayLike | None
) -> Iterator[dict[str, Any]]:
    """Yield what each item says; InvalidRequest when items and vectors do not belong together."""
    given = list(items)
    rows = None if embeddings is None else _rows(embeddings, len(given))
    for position, item in enumerate(given):
        if isinstance(item, str):
            fields: dict[str, Any] = {"content": item}
        elif isinstance(item, Mapping):
            fields = {name: value for name, value in item.items() if value is not None}
        else:
            raise InvalidRequest(
                f"item {position} is {type(item).__name__}; a memory is a text or a mapping"
            )
        yield fields if rows is None else fields | {"embedding": rows[position]}


def _rows(embeddings: ArrayLike, count: int) -> NDArray[np.float32]:
    """Return a vector an item: float32[count, d]."""
    try:
        found = np.asarray(embeddings, np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"embeddings are no float[{count}, d]: {error}") from None
    if found.ndim != 2 or len(found) != count:  # noqa: PLR2004 - items by dimensions
        raise InvalidRequest(
            f"embeddings have the shape {found.shape}; {count} items take float[{count}, d]"
        )
    return found
