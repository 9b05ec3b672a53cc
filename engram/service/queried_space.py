"""A memory space, as far as the query language goes. `Space` adds the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from engram.model.limits import QUERY_BUDGET_MS_DEFAULT
from engram.service.strengthened_space import StrengthenedSpace

if TYPE_CHECKING:
    from engram.model.answer import Answer


class QueriedSpace(StrengthenedSpace):
    """One memory space, asked in statements."""

    async def query(
        self,
        statement: str,
        parameters: Mapping[str, object] | None = None,
        *,
        budget_ms: float = QUERY_BUDGET_MS_DEFAULT,
    ) -> Answer:
        """Carry out one statement of the query language (docs/reference/query-language.md).

        Args:
            statement: RECALL, SPREAD, PREDICT or SHOW, behind EXPLAIN or PROFILE if need be.
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
