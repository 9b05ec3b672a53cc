"""A memory space of a server, as far as it is asked: recalls, statements, replays, changes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Unpack

from numpy.typing import ArrayLike

from engram.edges.client.arguments import checked_filters, given, query_of, recall_fields
from engram.edges.client.line import Asked
from engram.edges.client.linked_space import RemoteLinkedSpace
from engram.edges.client.values import Answered, Completed, Labels, RecalledMany, Recognized
from engram.model.answer import Answer
from engram.model.completion import Completion
from engram.model.ids import parse_id
from engram.model.label_counts import LabelCount
from engram.model.memory import Page
from engram.model.recall_result import RecallResult
from engram.model.recognition import Recognition

if TYPE_CHECKING:
    from engram.edges.client.subscription import RemoteSubscription
    from engram.model.exchange import Exported, Imported
    from engram.service.questions import FilterArguments, RecallArguments

# Every other statement only reads, and may be sent again when an answer was lost.
_WRITES: Final = re.compile(r"\bCONSOLIDATE\b", re.IGNORECASE)


class RemoteAskedSpace(RemoteLinkedSpace):
    """One memory space of a server, asked for what it brings to mind, and what happens in it."""

    async def recall(
        self,
        cue: str | None = None,
        *,
        embedding: ArrayLike | None = None,
        limit: int = 10,
        explain: bool = False,
        **arguments: Unpack[RecallArguments],
    ) -> RecallResult:
        """Recall what a cue brings to mind, best first; see `engram.Space.recall`."""
        more, deadline_ms = recall_fields(arguments)
        body = given(query=cue, embedding=embedding, limit=limit, explain=explain, **more)
        asked = self._read("/memories/recall", deadline_ms)
        return (await self._line.ask(asked, RecalledMany, body)).value(cue)

    async def search(
        self,
        words: str,
        *,
        limit: int = 10,
        explain: bool = False,
        **filters: Unpack[FilterArguments],
    ) -> RecallResult:
        """Return the memories that have some of the words; see `engram.Space.search`."""
        fields = {"query": words, "limit": limit, "explain": explain} | checked_filters(filters)
        asked = Asked("GET", "/memories/search", self.id, query_of(fields))
        return (await self._line.ask(asked, RecalledMany)).value(words)

    async def recognize(
        self,
        cue: str | None = None,
        *,
        embedding: ArrayLike | None = None,
        limit: int = 5,
        **filters: Unpack[FilterArguments],
    ) -> Recognition:
        """Say how familiar something is; see `engram.Space.recognize`."""
        more = checked_filters(filters)
        body = given(query=cue, embedding=embedding, limit=limit, **more)
        return (await self._line.ask(self._read("/memories/recognize"), Recognized, body)).value()

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
        """Complete an episode of which a part is given; see `engram.Space.complete`."""
        # NaN, where nothing is known of a vector, has no JSON but null, which says the same.
        body = given(
            what=what, where=where, who=who, why=why, how=how, embedding=embedding, limit=limit
        )
        return (await self._line.ask(self._read("/complete"), Completed, body)).value()

    async def query(
        self,
        statement: str,
        parameters: Mapping[str, object] | None = None,
        *,
        budget_ms: float | None = None,
        explain: bool = False,
    ) -> Answer:
        """Carry out one statement of the query language; see `engram.Space.query`.

        The answer has no `result`: what the verb behind a statement returned stays in the server.
        """
        body = given(
            statement=statement, parameters=parameters, budget_ms=budget_ms, explain=explain
        )
        is_safe = _WRITES.search(str(statement)) is None
        asked = Asked("POST", "/query", self.id, is_safe=is_safe)
        return (await self._line.ask(asked, Answered, body)).value()

    async def replay(
        self, *, limit: int = 100, cursor: str | None = None, **filters: Unpack[FilterArguments]
    ) -> Page:
        """Return episodes in the order in which they happened; see `engram.Space.replay`."""
        query = query_of({"limit": limit, "cursor": cursor, **checked_filters(filters)})
        return await self._line.ask(Asked("GET", "/episodes/replay", self.id, query), Page)

    async def labels(
        self, field: str = "tag", *, prefix: str = "", limit: int = 100
    ) -> list[LabelCount]:
        """Return the labels that memories have, counted; see `engram.Space.labels`."""
        query = query_of({"field": field, "prefix": prefix, "limit": limit})
        found = await self._line.ask(Asked("GET", "/labels", self.id, query), Labels)
        return [LabelCount(each.label, each.memories) for each in found.labels]

    def subscribe(
        self, topic: str = "activities", *, after: int | None = None
    ) -> RemoteSubscription:
        """Follow what is committed to the space; see `engram.Space.subscribe`.

        A connection that is lost, or that the server ends because it stops or its caller is slow,
        is made anew behind what was seen last, for as long as the timeout of the client says.
        """
        # Few programs follow a space: what it takes is loaded by the first one.
        from engram.edges.client.subscription import RemoteSubscription  # noqa: PLC0415

        return RemoteSubscription(self._line, self.id, topic, after)

    async def export_to(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        format: str | None = None,  # noqa: A002 - as callers say it
        progress: Callable[[int, int], None] | None = None,
        after: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Exported:
        """Write memories as lines of a file of this machine; see `engram.Space.export_to`.

        What an interrupted run left is gone on with when this one asks the same of the same
        server; it begins anew when the memory was erased behind which it would go on.
        """
        from engram.edges.client.exchange import export_to  # noqa: PLC0415 - seldom

        memory_id = None if after is None else str(parse_id(after))
        query = query_of({"after": memory_id, **checked_filters(filters)})
        asked = Asked("GET", "/export", self.id, query)
        return await export_to(self._line, asked, _file_of(target), format, progress)

    async def import_from(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        format: str | None = None,  # noqa: A002 - as above
        rejected: str | os.PathLike[str] | None = None,
        progress: Callable[[int, int], None] | None = None,
        embeddings: bool = False,
    ) -> Imported:
        """Remember what the lines of a file of this machine say; see `engram.Space.import_from`.

        Whatever its format, its memories go to the server as lines of NDJSON. Vectors of Chroma are
        sent where `embeddings` says so. Raises InvalidRequest, too, when more than 100,000 of the
        lines are no memories.
        """
        from engram.edges.client.exchange import import_from  # noqa: PLC0415 - seldom

        kept = None if rejected is None else Path(rejected)
        asked = Asked("POST", "/import", self.id)
        file = _file_of(source)
        return await import_from(
            self._line, asked, file, format, kept, progress, takes_vectors=embeddings
        )


def _file_of(named: str | os.PathLike[str] | BinaryIO) -> Path | BinaryIO:
    return Path(named) if isinstance(named, str | os.PathLike) else named
