"""The verbs of one memory space."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Unpack

from numpy.typing import ArrayLike

from engram.model.commands import Forget
from engram.model.cue import make_filters
from engram.model.errors import InvalidRequest
from engram.model.ids import parse_id
from engram.model.memory import (
    Checkpointed,
    Compacted,
    ForgetReceipt,
    Memory,
    Page,
    Remembered,
    RememberedMany,
    SpaceStats,
)
from engram.model.recall_result import RecallResult
from engram.service import correcting, forgetting, reading, reembedding, remembering, strengthening
from engram.service.bulk import Bulk
from engram.service.exchanged_space import ExchangedSpace
from engram.service.forgetting import DELETE, ERASE, SUPPRESS, check_mode
from engram.service.particulars import ParticularArguments
from engram.service.preparing import (
    Item,
    NewMemory,
)
from engram.service.questions import FilterArguments, RecallArguments, question_of
from engram.service.requests import body_of, check_request_key

Progress = Callable[[int, int], None]
_FORGET: Final = {SUPPRESS: "suppress", DELETE: "forget"}


class Space(ExchangedSpace):
    """One memory space: everything a caller does with memories happens here.

    Handles are cheap and may be shared between tasks; they do not outlive the store.
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
        """Remember one memory; when this returns it is durable and the next recall sees it.

        The same content with the same source, session and `occurred_at` is one memory seen again:
        its id comes back with `created` False.

        Args:
            content: text of at most 100 KiB; may be empty beside an embedding.
            embedding: float[d]; left out, the store's embedder makes it from the content.
            kind: episodic, semantic, procedural or concept.
            confidence: how sure the caller is, 0 to 1, or none, low, medium, high or certain.
            occurred_at: when it was true, with a zone; left out, now.
            tags: labels to filter by, at most 64.
            source: where it comes from.
            session: the conversation or run it belongs to.
            metadata: anything JSON can hold, at most 64 KiB.
            associate: lead to the memory before it in its session and to those that share a tag
                or an entity with it, and back.
            request_key: what the caller calls this request, at most 255 characters. The same
                request with the same key gets the first answer again and stores nothing, for 24
                hours: repeat it after a DurabilityError to learn what became of it.
            **particulars: `entities` (names, at most 64), `priority` (1 to 10, 5 left out),
                `expires_at` (from then on no answer about the present shows it), `episode` (what,
                where, who, why, how), `confidence_reason`, and `fact_key` with `fact_value` (left
                out: the content): what it says of which subject, for `contradictions`.

        Raises:
            InvalidRequest: a field breaks a rule; every violation is listed.
            Conflict: the request key came with another request before.
            DimensionMismatch, EmbedderMismatch: the vector cannot be compared with the space's.
            Overloaded: too much is waiting already; try again later.
            EmbedderUnavailable: the embedder does not answer.
            DurabilityError: the disk failed; it is unknown whether the memory was stored.
        """
        if (
            embedding is not None
            and kind == "episodic"
            and associate is True
            and not (tags or particulars)
            and occurred_at is None
            and source is None
            and session is None
            and metadata is None
            and request_key is None
        ):
            plain = (self._core, self.id, content, embedding, confidence)
            enlisted = remembering.enlist_plain(*plain)
            if enlisted is None:
                return await remembering.remember_plain(*plain)
            group, position = enlisted
            await group.done.wait()
            return group.remembered(position)
        item = Item(
            content, embedding, kind, confidence, occurred_at, tags, source, session, metadata,
            particulars, associate,
        )  # fmt: skip
        return await remembering.remember(self._core, self.id, self._principal, item, request_key)

    async def remember_many(
        self,
        items: Iterable[NewMemory | str],
        *,
        embeddings: ArrayLike | None = None,
        progress: Progress | None = None,
        request_key: str | None = None,
    ) -> RememberedMany:
        """Remember many memories in parts of at most 10,000, each part durable as a whole.

        Every item is checked before the first is stored. When a later part fails, the earlier ones
        stay; calling again with the same items stores only what is missing.

        Args:
            items: texts, or mappings with the fields of `remember`.
            embeddings: float[n, d], a row an item; left out, items carry their own or the store's
                embedder makes them.
            progress: called with (done, total) after each part.
            request_key: as in `remember`, for all of the items together.

        Raises:
            What `remember` raises; InvalidRequest names the items by position.
        """
        bulk = Bulk(self.id, self._core, self._principal, request_key, progress)
        return await bulk.remember(list(items), embeddings)

    async def recall(
        self,
        cue: str | None = None,
        *,
        embedding: ArrayLike | None = None,
        limit: int = 10,
        explain: bool = False,
        **arguments: Unpack[RecallArguments],
    ) -> RecallResult:
        """Recall what a cue brings to mind, best first: by meaning, by words, by association.

        Args:
            cue: what to look for, in words; compared by word and, with an embedder, by meaning.
            embedding: float[d]; what to look for as a vector of the space.
            limit: 1 to 1,000 results at most.
            explain: say why each memory was recalled and along which ways (`result.explain()`).
            **arguments: `memory_ids` (memories that remind of others), `mode` (hybrid, similarity,
                spreading), `reinforce` (False: no access), `session` (in which it is asked, see
                priming), `deadline_ms`, and filters, of which all must hold: `tags_all`,
                `tags_any`, `tags_none`, `kinds`, `sources`, `sessions`, `occurred_after`,
                `occurred_before`, `recorded_after`, `recorded_before`, `confidence_min`. `_after`
                is inclusive, `_before` exclusive. With `as_of` the space answers as at that
                recorded time: what was remembered later is not there, what was forgotten later is;
                an erased memory never is. Strength, confidence and `seen_count` are the present's.

        Raises:
            InvalidRequest: no cue, a field breaks a rule, or `as_of` lies in the future or before
                the history the space keeps (7 days unless set otherwise).
            SpaceNotFound, MemoryNotFound: there is no such space, or cue.
            DimensionMismatch, EmbedderMismatch: the cue does not fit the space's vectors.
            KernelCancelled: the deadline came first.
        """
        engine = await self._engine()
        question = question_of(cue, embedding, limit, explain=explain, more=arguments)
        return await reading.recall(self._core, engine, question, arguments)

    async def get(
        self, memory_id: str, *, as_of: datetime | None = None, include_suppressed: bool = False
    ) -> Memory:
        """Return one memory as the space holds it, or held it at `as_of` (a time with a zone).

        MemoryNotFound when there is none with this id, or it is suppressed and those are not asked
        for; InvalidRequest when the space cannot answer about that time, see `recall`.
        """
        identity = parse_id(memory_id)
        engine = await self._engine()
        filters = make_filters(as_of=as_of, include_suppressed=include_suppressed)
        return await reading.on_bodies(
            engine, lambda: reading.one(self._core, engine, identity, filters)
        )

    async def list(
        self,
        *,
        limit: int = 100,
        cursor: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Page:
        """Return memories in the order they were recorded, oldest first, with their true total.

        `cursor` is that of the page before; what is remembered meanwhile comes at the end. Takes
        the filters of `recall`.
        """
        engine = await self._engine()
        return await reading.listing(self._core, engine, limit, cursor, filters)

    async def forget(
        self, memory_id: str, *, mode: str = "delete", request_key: str | None = None
    ) -> ForgetReceipt:
        """Take a memory out of every answer, durably; MemoryNotFound when it is not there.

        Args:
            memory_id: as `remember` returned it.
            mode: `suppress` hides it until `unsuppress`, or until it is remembered again; `delete`
                leaves it to questions about the past until the history's retention is
                over; `erase` returns when no byte of it is left in any file of the store, and may
                be asked of a memory that was deleted before, or again. See `forget_many`.
            request_key: of a request that was carried out: nothing more is done, and Conflict
                raised if that was another one. Erasing twice does nothing more without one.
        """
        check_request_key(request_key)
        check_mode(mode)
        if mode == ERASE:
            return await self.forget_many([memory_id], mode=mode)
        memory = parse_id(memory_id)
        request = self._request(request_key, body_of(_FORGET[mode], *memory))
        engine = await self._engine()
        if mode == SUPPRESS:
            return await strengthening.suppress(engine, [memory], request)
        _, lsn = await engine.submit(Forget(memory, request))
        return ForgetReceipt((memory_id,), mode, lsn)

    async def forget_many(
        self, memory_ids: Iterable[str], *, mode: str = "delete", progress: Progress | None = None
    ) -> ForgetReceipt:
        """Forget many memories; when one is not there, none is forgotten.

        Erasing overwrites what holds any of them, whether one or a thousand are erased: it writes
        two snapshots of the space and lets the log before them go.

        Args:
            memory_ids: as `remember` returned them.
            mode: `suppress`, `delete` or `erase`, see `forget`.
            progress: called with (done, total): memories, or steps when they are erased.

        Raises:
            MemoryNotFound: one of them is not there.
            DurabilityError, ArchiveUnavailable: the disk, or the archive of the log, failed. An
                erasure that is durable by then shows the memories to nobody, and goes on later and
                at the next opening; asking again waits for it.
        """
        check_mode(mode)
        ids = [*dict.fromkeys(map(parse_id, memory_ids))]
        engine = await self._engine()
        if mode == ERASE:
            return await forgetting.erase(engine, self._core, ids, progress)
        if mode == SUPPRESS:
            return await strengthening.suppress(engine, ids)
        return await forgetting.delete(engine, self._core, ids, progress)

    async def update(
        self,
        memory_id: str,
        *,
        content: str | None = None,
        embedding: ArrayLike | None = None,
        request_key: str | None = None,
        **changes: Unpack[correcting.Changes],
    ) -> Remembered:
        """Correct a memory: a new one takes its place at once, the old one keeps its history.

        Fields left out are taken over, None takes one away; a changed text is embedded anew.
        `changes` are fields of `remember`. Raises what `remember` raises, and MemoryNotFound;
        MemorySuperseded names the current version when there is a newer one.
        """
        check_request_key(request_key)
        asked = correcting.Correction(parse_id(memory_id), content, embedding, changes)
        request_of_body = partial(self._request, request_key)
        return await correcting.update(self._core, await self._engine(), asked, request_of_body)

    async def history(self, memory_id: str) -> tuple[Memory, ...]:
        """Return all versions of a memory, the oldest first and the current one last.

        `memory_id` may be that of any version. MemoryNotFound when none is current any more.
        """
        return await correcting.history(self._core, await self._engine(), parse_id(memory_id))

    async def stats(self) -> SpaceStats:
        """Return what the space holds and where its log stands."""
        return reading.statistics(await self._engine(), self._core)

    async def checkpoint(self, progress: Progress | None = None) -> Checkpointed:
        """Write a snapshot of the space while it goes on, so that it opens quickly.

        One is taken anyway whenever the log has grown enough (ENGRAM_CHECKPOINT_LOG_BYTES).
        `progress` is called with (bytes done, bytes in all).

        Raises:
            SpaceNotFound: nothing was ever remembered in this space.
            StorageFailed: the disk refused; the space and its earlier snapshots are as before.
        """
        engine = await self._engine()
        done = await engine.checkpoints.checkpoint(progress)
        return Checkpointed(self.id, done.lsn, done.bytes_written, done.bytes_shared)

    async def compact(self) -> Compacted:
        """Let go of what was forgotten before the history that is kept, while the space goes on.

        That happens anyway when a fifth of a large space can go. A snapshot is taken after it, so
        that it need not be done again after the next opening.

        Raises:
            SpaceNotFound: nothing was ever remembered in this space.
            Overloaded: memories were erased or converted all the time, try again; or the memory
                budget has no room for the space beside itself.
            StorageFailed: the disk refused the snapshot; the rows are gone from RAM only.
        """
        engine = await self._engine()
        done = await engine.compactions.compact()
        if not done.rows_dropped:
            return Compacted(self.id, engine.view.lsn, 0, 0)
        kept = await engine.checkpoints.checkpoint()
        return Compacted(self.id, kept.lsn, done.rows_dropped, done.bytes_freed)

    async def reembed(self, progress: Progress | None = None) -> int:
        """Give every text a vector of the store's embedder; return how many were embedded.

        The old vectors answer until all new ones are there; an interrupted run changes nothing.
        """
        if self._core.embedder is None:
            raise InvalidRequest("the store was opened without an embedder; open it with one")
        engine = await self._core.registry.open(self.id)
        return await reembedding.reembed(engine, self._core, self._core.embedder, progress)
