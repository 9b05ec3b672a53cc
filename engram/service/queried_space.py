"""A memory space that is asked in statements, or completes. `Space` adds the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from numpy.typing import ArrayLike

from engram.model.limits import QUERY_BUDGET_MS_DEFAULT
from engram.service.questions import FilterArguments
from engram.service.strengthened_space import StrengthenedSpace

if TYPE_CHECKING:
    from engram.model.answer import Answer
    from engram.model.completion import Completion
    from engram.model.recognition import Recognition


class QueriedSpace(StrengthenedSpace):
    """One memory space, asked in statements, or for what a part belongs to."""

    async def query(
        self,
        statement: str,
        parameters: Mapping[str, object] | None = None,
        *,
        budget_ms: float = QUERY_BUDGET_MS_DEFAULT,
    ) -> Answer:
        """Carry out one statement of the query language (docs/reference/query-language.md).

        Args:
            statement: RECALL, SPREAD, PREDICT, IMAGINE, COMPLETE or SHOW, or EXPLAIN or
                PROFILE and one of them.
            parameters: the values of its `$names`; nothing is spliced into the text.
            budget_ms: what it may be expected to cost, in milliseconds.

        Raises:
            QuerySyntaxError: it cannot be read; says where, what was found, what fits.
            InvalidRequest: a parameter is missing, unknown, or does not fit its place.
            QueryTooCostly: it is expected to cost more; nothing was carried out.
            SpaceNotFound, MemoryNotFound: there is no such space, or memory.
            DimensionMismatch, EmbedderMismatch: the cue does not fit the space's vectors.
        """
        # Few programs ask in statements: what they take is loaded by the first one.
        from engram.service.querying import Asker, query  # noqa: PLC0415

        asker = Asker(self._core, self.id, budget_ms)
        return await query(asker, statement, {} if parameters is None else parameters)

    async def complete(
        self,
        *,
        what: str | None = None,
        where: str | None = None,
        who: str | Sequence[str] | None = None,
        why: str | None = None,
        how: str | None = None,
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
            limit: 1 to 3 hypotheses at most.

        Raises:
            InvalidRequest: nothing is given, or everything, or a field breaks a rule.
            SpaceNotFound: nothing was ever remembered in this space.
        """
        from engram.service.completing import complete  # noqa: PLC0415 - as above

        fields = {"what": what, "where": where, "who": who, "why": why, "how": how}
        return await complete(self._core, await self._engine(), fields, limit)

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
