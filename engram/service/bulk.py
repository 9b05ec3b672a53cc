"""Remembering many memories: checked whole, stored in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import anyio.to_thread
import numpy as np
from numpy.typing import ArrayLike

from engram.engine.groups import Group
from engram.engine.space_engine import SpaceEngine
from engram.model.commands import RememberBatch
from engram.model.memory import IdColumn, RememberedMany
from engram.service import batching
from engram.service.bulk_items import Commands, Items, Rows, checked
from engram.service.core import Core
from engram.service.given_vectors import check_vectors
from engram.service.preparing import NewMemory
from engram.service.requests import body_of_remember_many, check_request_key, request_of
from engram.service.vectors import check_text_alone, embed, embedder_for


class _Given(NamedTuple):
    """The items of one call and the vectors that came with them: float32[n, d], norms [n]."""

    items: Items
    rows: Rows | None
    norms: Rows | None


class _Stored:
    """What came of the parts so far."""

    def __init__(self, count: int, lsn: int, progress: Callable[[int, int], None] | None) -> None:
        self._count, self._progress = count, progress
        self._created = 0
        self._ids: list[bytes] = []
        self._lsn = lsn

    async def take(self, group: Group, position: int, done: int) -> None:
        """Wait until a part is durable and take its ids in; raises why it was refused.

        `done` is how many items there are up to its end.
        """
        await group.done.wait()
        outcome, self._lsn = group.answer(position)
        self._ids.append(np.asarray(outcome.ids, "<u8").tobytes())
        self._created += int(np.count_nonzero(outcome.created))
        if self._progress is not None:
            self._progress(done, self._count)

    def answer(self) -> RememberedMany:
        """Return it as the caller is told."""
        return RememberedMany(IdColumn(b"".join(self._ids)), self._lsn, self._created)


class Bulk(NamedTuple):
    """One call of `remember_many`; see `Space.remember_many`."""

    space: str
    core: Core
    principal: str
    request_key: str | None
    progress: Callable[[int, int], None] | None

    async def remember(
        self, items: Sequence[NewMemory | str], embeddings: ArrayLike | None
    ) -> RememberedMany:
        """Check all items, then store part after part, each made while that before is written."""
        core = self.core
        check_request_key(self.request_key)
        given = await anyio.to_thread.run_sync(self._checked, items, embeddings)
        engine = await core.open_to_write(self.space)
        engine.activity.begin()
        dimensions = 0 if core.embedder is None else core.embedder.dimensions
        vector_bytes = 4 * (given.rows.shape[1] if given.rows is not None else dimensions)
        parts, body = await anyio.to_thread.run_sync(self._cut, given, vector_bytes)
        stored = _Stored(given.items.items_count, engine.view.lsn, self.progress)
        writing: tuple[Group, int, int] | None = None
        for number, part in enumerate(parts):
            try:
                batch = await self._batch(engine, given, part)
                if body is not None:
                    batch.request = request_of(self.principal, str(self.request_key), body, number)
            finally:
                if writing is not None:
                    await stored.take(*writing)
            writing = (*engine.enlist(batch), part.stop)
        if writing is not None:
            await stored.take(*writing)
        return stored.answer()

    def _checked(self, items: Sequence[NewMemory | str], embeddings: ArrayLike | None) -> _Given:
        """Return what the caller gave, once every rule is checked. Blocks."""
        found = checked(
            items,
            self.core.entropy,
            vectors_given=embeddings is not None,
            keyed=self.request_key is not None,
        )
        rows = embeddings
        if rows is None and isinstance(found, Commands):
            rows = batching.own_embeddings(items)
        if rows is None:
            return _Given(found, None, None)
        return _Given(found, *check_vectors(self.core.kernels, rows, len(items)))

    def _cut(self, given: _Given, vector_bytes: int) -> tuple[list[slice], bytes | None]:
        """Return the parts, and the digest of a request that has a key. Blocks."""
        items, rows, _ = given
        parts = items.parts(vector_bytes)
        if self.request_key is None or not isinstance(items, Commands):
            return parts, None
        flat = None if rows is None else rows.data.cast("B")
        lengths = [part.stop - part.start for part in parts]
        return parts, body_of_remember_many(items.commands, flat, lengths)

    async def _batch(self, engine: SpaceEngine, given: _Given, part: slice) -> RememberBatch:
        items, rows, norms = given
        if rows is not None and norms is not None:
            return await anyio.to_thread.run_sync(items.columns, part, rows[part], norms[part], "")
        check_text_alone(self.space, engine.view, embedding_given=False)
        embedder = embedder_for(self.space, engine.view, self.core.embedder)
        if embedder is None:
            return await anyio.to_thread.run_sync(items.columns, part, None, None, "")
        made = await embed(embedder, items.texts(part))

        def columns() -> RememberBatch:
            own = check_vectors(self.core.kernels, made, part.stop - part.start)
            return items.columns(part, *own, embedder.identity)

        return await anyio.to_thread.run_sync(columns)
