"""The verbs of a memory space of a server: those of `engram.Space`, with their types and errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack

from numpy.typing import ArrayLike

from engram.edges.client.arguments import checked_filters, given, query_of
from engram.edges.client.asked_space import RemoteAskedSpace
from engram.edges.client.batches import Progress, remember_many
from engram.edges.client.line import Asked
from engram.edges.client.linked_space import path_of
from engram.edges.client.values import Reembedded, Versions
from engram.model.ids import parse_id
from engram.model.memory import (
    Checkpointed,
    Compacted,
    ForgetReceipt,
    Lability,
    Memory,
    Page,
    Remembered,
    RememberedMany,
    Reviewed,
    SpaceStats,
    Unsuppressed,
)
from engram.model.space_settings import SettingArguments, SpaceSettings, check_settings

if TYPE_CHECKING:
    from engram.service.correcting import Changes
    from engram.service.particulars import ParticularArguments
    from engram.service.preparing import NewMemory
    from engram.service.questions import FilterArguments


class RemoteSpace(RemoteAskedSpace):
    """One memory space of a server: its verbs take, return and raise what those of `Space` do.

    Every verb may raise besides: ServerUnreachable, NoAnswerInTime, Unauthorized, Forbidden,
    RateLimited, Overloaded, Unavailable. Handles are cheap and may be shared between tasks.
    """

    async def remember(
        self,
        content: str = "",
        *,
        embedding: ArrayLike | None = None,
        kind: str = "episodic",
        confidence: float | str = 1.0,
        occurred_at: datetime | None = None,
        tags: Sequence[str] = (),
        source: str | None = None,
        session: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        associate: bool = True,
        request_key: str | None = None,
        **particulars: Unpack[ParticularArguments],
    ) -> Remembered:
        """Remember one memory, durably; see `engram.Space.remember`.

        Without a `request_key` the client makes one, so that attempts of one call store one memory.
        """
        body = given(
            content=content,
            embedding=embedding,
            kind=kind,
            confidence=confidence,
            occurred_at=occurred_at,
            tags=tags if tags != () else None,
            source=source,
            session=session,
            metadata=metadata,
            associate=None if associate is True else associate,
            **particulars,
        )
        return await self._line.ask(self._write("POST", "/memories", request_key), Remembered, body)

    async def remember_many(
        self,
        items: Iterable[NewMemory | str],
        *,
        embeddings: ArrayLike | None = None,
        progress: Progress | None = None,
        request_key: str | None = None,
    ) -> RememberedMany:
        """Remember many memories; see `engram.Space.remember_many`.

        They are sent in parts of at most 10,000 memories and 15 MiB, each of which is checked by
        itself and stored whole or not at all; the timeout is for each part.
        """
        listed = list(items)
        if not listed:
            return RememberedMany([], (await self.stats()).lsn, 0)
        return await remember_many(self._line, self.id, listed, embeddings, progress, request_key)

    async def get(
        self, memory_id: str, *, as_of: datetime | None = None, include_suppressed: bool = False
    ) -> Memory:
        """Return one memory, as it is or was; see `engram.Space.get`."""
        query = query_of({"as_of": as_of, "include_suppressed": include_suppressed or None})
        return await self._line.ask(Asked("GET", path_of(memory_id), self.id, query), Memory)

    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Page:
        """Return memories in the order they were recorded, a page; see `engram.Space.list`."""
        query = query_of({"limit": limit, "cursor": cursor, **checked_filters(filters)})
        return await self._line.ask(Asked("GET", "/memories", self.id, query), Page)

    async def forget(
        self, memory_id: str, *, mode: str = "delete", request_key: str | None = None
    ) -> ForgetReceipt:
        """Take a memory out of every answer, durably; see `engram.Space.forget`."""
        asked = self._write("DELETE", path_of(memory_id), request_key)
        return await self._line.ask(asked._replace(query=query_of({"mode": mode})), ForgetReceipt)

    async def forget_many(
        self, memory_ids: Iterable[str], *, mode: str = "delete", progress: Progress | None = None
    ) -> ForgetReceipt:
        """Forget many memories, or none when one is not there; see `engram.Space.forget_many`.

        `progress` is called once, when all is done.
        """
        ids = [str(parse_id(each)) for each in memory_ids]
        asked = Asked("POST", "/memories/forget", self.id)
        body = {"memory_ids": ids, "mode": mode}
        receipt = await self._line.ask(asked, ForgetReceipt, body)
        if progress is not None:
            progress(len(receipt.ids), len(receipt.ids))
        return receipt

    async def unsuppress(self, memory_id: str, *, request_key: str | None = None) -> Unsuppressed:
        """Bring a suppressed memory back; see `engram.Space.unsuppress`."""
        asked = self._write("POST", path_of(memory_id, "/unsuppress"), request_key)
        return await self._line.ask(asked, Unsuppressed, {})

    async def feedback(
        self, memory_id: str, verdict: str, *, request_key: str | None = None
    ) -> Reviewed:
        """Say that a recalled memory was `useful` or `wrong`; see `engram.Space.feedback`."""
        asked = self._write("POST", path_of(memory_id, "/feedback"), request_key)
        return await self._line.ask(asked, Reviewed, {"verdict": verdict})

    async def update(
        self,
        memory_id: str,
        *,
        content: str | None = None,
        embedding: ArrayLike | None = None,
        request_key: str | None = None,
        **changes: Unpack[Changes],
    ) -> Remembered:
        """Correct a memory: a new one takes its place; see `engram.Space.update`."""
        asked = self._write("PATCH", path_of(memory_id), request_key)
        body = given(content=content, embedding=embedding) | dict(changes)
        return await self._line.ask(asked, Remembered, body)

    async def history(self, memory_id: str) -> tuple[Memory, ...]:
        """Return all versions of a memory, the oldest first; see `engram.Space.history`."""
        asked = Asked("GET", path_of(memory_id, "/history"), self.id)
        return (await self._line.ask(asked, Versions)).versions

    async def lability(self, memory_id: str) -> Lability:
        """Return whether a recall has made a memory labile; see `engram.Space.lability`."""
        return await self._line.ask(
            Asked("GET", path_of(memory_id, "/lability"), self.id), Lability
        )

    async def configure(
        self, *, request_key: str | None = None, **settings: Unpack[SettingArguments]
    ) -> SpaceSettings:
        """Change how the space forgets, durably; see `engram.Space.configure`."""
        if not check_settings(settings):
            return await self.settings()
        asked = self._write("PATCH", "/settings", request_key)
        return await self._line.ask(asked, SpaceSettings, given(**settings))

    async def settings(self) -> SpaceSettings:
        """Return the settings of the space."""
        return await self._line.ask(Asked("GET", "/settings", self.id), SpaceSettings)

    async def stats(self) -> SpaceStats:
        """Return what the space holds and where its log stands."""
        return await self._stats()

    async def checkpoint(self, progress: Progress | None = None) -> Checkpointed:
        """Write a snapshot of the space while it goes on; see `engram.Space.checkpoint`.

        `progress` is called once, when it is written.
        """
        asked = Asked("POST", "/maintenance/checkpoint", self.id, is_safe=True)
        done = await self._line.ask(asked, Checkpointed)
        if progress is not None:
            progress(done.bytes_written, done.bytes_written)
        return done

    async def compact(self) -> Compacted:
        """Let go of what was forgotten long ago; see `engram.Space.compact`."""
        asked = Asked("POST", "/maintenance/compact", self.id, is_safe=True)
        return await self._line.ask(asked, Compacted)

    async def reembed(self, progress: Progress | None = None) -> int:
        """Give every text a vector of the embedder of the server's store; see `engram.Space`.

        `progress` is called once, when all have one.
        """
        asked = Asked("POST", "/maintenance/reembed", self.id, is_safe=True)
        count = (await self._line.ask(asked, Reembedded)).embedded
        if progress is not None:
            progress(count, count)
        return count

    def _write(self, method: str, path: str, request_key: str | None) -> Asked:
        """Return a write that may be sent again: it has a key, the caller's or one of its own."""
        key = self._line.new_key() if request_key is None else request_key
        return Asked(method, path, self.id, key=key)
