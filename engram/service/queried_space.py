"""A memory space that is asked in statements, or completes. `Space` adds the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from numpy.typing import ArrayLike

from engram.retrieval.asking import SIMILARITY
from engram.service import reading
from engram.service.followed_space import FollowedSpace
from engram.service.questions import FilterArguments, Question

if TYPE_CHECKING:
    from engram.model.answer import Answer
    from engram.model.completion import Completion
    from engram.model.label_counts import LabelCount
    from engram.model.memory import Page
    from engram.model.recall_result import RecallResult
    from engram.model.recognition import Recognition


class QueriedSpace(FollowedSpace):
    """One memory space, asked in statements, or for what a part belongs to."""

    async def query(
        self,
        statement: str,
        parameters: Mapping[str, object] | None = None,
        *,
        budget_ms: float | None = None,
        explain: bool = False,
        may_ask: Callable[[str], bool] | None = None,
    ) -> Answer:
        """Carry out one statement of the query language (docs/reference/query-language.md).

        Args:
            statement: RECALL, SPREAD, PREDICT, IMAGINE, CONSOLIDATE, COMPLETE or SHOW, or
                EXPLAIN or PROFILE and one of them.
            parameters: the values of its `$names`; nothing is spliced into the text.
            budget_ms: what it may be expected to cost, in milliseconds; left out, what
                `ENGRAM_QUERY_BUDGET_MS` says, 10,000 unless set.
            explain: have RECALL and PREDICT explain each memory, as `recall` does: `result` has
                the words and the ways, and the rows stand on all of the ways.
            may_ask: whether who asks may ask the space of an id; left out, all of them. It is
                called before a space is looked up, and SHOW SPACES tells only of those.

        Raises:
            QuerySyntaxError: it cannot be read; says where, what was found, what fits.
            InvalidRequest: a parameter is missing, unknown, or does not fit its place.
            SpaceForbidden: `may_ask` says no.
            QueryTooCostly: it is expected to cost more; nothing was carried out.
            SpaceNotFound, MemoryNotFound: there is no such space, or memory.
            DimensionMismatch, EmbedderMismatch: the cue does not fit the space's vectors.
        """
        # Few programs ask in statements: what they take is loaded by the first one.
        from engram.service.querying import Asker, query  # noqa: PLC0415

        budget = self._core.query_budget_ms if budget_ms is None else budget_ms
        asker = Asker(self._core, self.id, budget, explain=explain, may_ask=may_ask)
        return await query(asker, statement, {} if parameters is None else parameters)

    async def complete(
        self,
        *,
        what: str | None = None,
        where: str | None = None,
        who: str | Sequence[str] | None = None,
        why: str | None = None,
        how: str | None = None,
        embedding: ArrayLike | None = None,
        limit: int = 3,
    ) -> Completion:
        """Complete an episode of which a part is given, from the episodes of the space.

        Every value comes from a stored memory, which is cited, with how sure it is
        (docs/reference/library.md#completion). Texts that are given need not be written as they
        are stored: words in common count.

        Args:
            what: what happened.
            where: where it happened.
            who: who took part, a name or several.
            why: why it happened.
            how: how it happened.
            embedding: float[d]; what is known of its vector, NaN where nothing is.
            limit: 1 to 3 hypotheses at most.

        Raises:
            InvalidRequest: nothing is given, or everything, or a field breaks a rule.
            DimensionMismatch: the embedding has another length than the vectors of the space.
            SpaceNotFound: nothing was ever remembered in this space.
        """
        from engram.service.completing import complete  # noqa: PLC0415 - as above

        fields = {"what": what, "where": where, "who": who, "why": why, "how": how}
        return await complete(self._core, await self._engine(), fields, limit, embedding)

    async def recognize(
        self,
        cue: str | None = None,
        *,
        embedding: ArrayLike | None = None,
        limit: int = 5,
        **filters: Unpack[FilterArguments],
    ) -> Recognition:
        """Say how familiar something is, and what it is most like; nothing is accessed by it.

        Args:
            cue: a text; compared by word and, with an embedder, by meaning.
            embedding: float[d]; a vector of the space.
            limit: 1 to 1,000 memories are listed at most.
            **filters: those of `recall`.

        Raises:
            What `recall` raises.
        """
        from engram.service.recognizing import recognize  # noqa: PLC0415 - as above

        return await recognize(self._core, await self._engine(), cue, embedding, limit, filters)

    async def search(
        self,
        words: str,
        *,
        limit: int = 10,
        explain: bool = False,
        **filters: Unpack[FilterArguments],
    ) -> RecallResult:
        """Return the memories that have some of the words, best first; nothing is accessed by it.

        No vector is compared and no association followed: a memory without any of the words is
        not listed, however like them it is.

        Args:
            words: what to look for, compared stem by stem (BM25).
            limit: 1 to 1,000 memories at most.
            explain: name the words that each memory has in common with these.
            **filters: those of `recall`.

        Raises:
            What `recall` raises of words and filters.
        """
        engine = await self._engine()
        question = Question(
            words, None, limit, explain, mode=SIMILARITY, reinforce=False, verb="search"
        )
        return await reading.recall(self._core, engine, question, filters)

    async def replay(
        self, *, limit: int = 100, cursor: str | None = None, **filters: Unpack[FilterArguments]
    ) -> Page:
        """Return episodes in the order in which they happened, page by page.

        Args:
            limit: 1 to 1,000 memories a page.
            cursor: that of the page before. An episode that is remembered meanwhile is on a later
                page, unless it happened before where the replay has come to.
            **filters: those of `recall`: `occurred_after` and `occurred_before` bound the time, a
                session is one of `sessions`. `kinds` left out is episodic.

        Raises:
            InvalidRequest: an argument breaks a rule, or the cursor is none.
            SpaceNotFound: nothing was ever remembered in this space.
        """
        from engram.service.replaying import replay  # noqa: PLC0415 - as above

        return await replay(self._core, await self._engine(), limit, cursor, filters)

    async def labels(
        self, field: str = "tag", *, prefix: str = "", limit: int = 100
    ) -> list[LabelCount]:
        """Return the labels that memories have, each with how many, those of most of them first.

        Args:
            field: tag, entity, source, session or fact_key.
            prefix: how they begin, in any case of letters.
            limit: 1 to 1,000 labels at most.

        Raises:
            InvalidRequest: there is no such field, or an argument breaks a rule.
            SpaceNotFound: nothing was ever remembered in this space.
        """
        from engram.service.label_counts import label_counts  # noqa: PLC0415 - as above

        return await label_counts(self._core, await self._engine(), field, prefix, limit)
