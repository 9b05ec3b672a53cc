"""Remembering many memories: checked whole, stored in parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import anyio.to_thread
import numpy as np
from numpy.typing import ArrayLike

from engram.engine.space_engine import SpaceEngine
from engram.model.commands import Remember, RememberBatch
from engram.model.memory import IdColumn, RememberedMany
from engram.service import batching
from engram.service.core import Core
from engram.service.given_vectors import check_vectors
from engram.service.preparing import NewMemory, columns_of, prepare_many
from engram.service.requests import body_of_remember_many, check_request_key, request_of
from engram.service.vectors import check_text_alone, embed, embedder_for


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
        """Check all items, then store part after part."""
        core = self.core
        check_request_key(self.request_key)
        commands = await anyio.to_thread.run_sync(
            prepare_many, items, core.entropy, embeddings is not None
        )
        rows = batching.own_embeddings(items) if embeddings is None else embeddings
        given = norms = None
        if rows is not None:
            given, norms = await anyio.to_thread.run_sync(
                check_vectors, core.kernels, rows, len(items)
            )
        engine = await core.registry.open(self.space, create=True)
        engine.activity.begin()
        dimensions = 0 if core.embedder is None else core.embedder.dimensions
        vector_bytes = 4 * (given.shape[1] if given is not None else dimensions)
        parts = list(batching.parts(commands, vector_bytes))
        body = b""
        if self.request_key is not None:
            flat = None if given is None else given.data.cast("B")
            ends = [len(part) for part in parts]
            body = await anyio.to_thread.run_sync(body_of_remember_many, commands, flat, ends)
        ids: list[bytes] = []
        created, lsn, done = 0, engine.view.lsn, 0
        for number, part in enumerate(parts):
            last = done + len(part)
            if given is not None and norms is not None:
                batch = await anyio.to_thread.run_sync(
                    columns_of, part, given[done:last], norms[done:last], ""
                )
            else:
                batch = await self._embedded(engine, part)
            if self.request_key is not None:
                batch.request = request_of(self.principal, self.request_key, body, number)
            outcome, lsn = await engine.submit(batch)
            ids.append(np.asarray(outcome.ids, "<u8").tobytes())
            created += int(np.count_nonzero(outcome.created))
            done = last
            if self.progress is not None:
                self.progress(done, len(commands))
        return RememberedMany(IdColumn(b"".join(ids)), lsn, created)

    async def _embedded(self, engine: SpaceEngine, part: Sequence[Remember]) -> RememberBatch:
        check_text_alone(self.space, engine.view, embedding_given=False)
        embedder = embedder_for(self.space, engine.view, self.core.embedder)
        if embedder is None:
            return columns_of(part, None, None, "")
        made = await embed(embedder, [command.content.decode() for command in part])
        rows, norms = check_vectors(self.core.kernels, made, len(part))
        return columns_of(part, rows, norms, embedder.identity)
