"""A retriever of LangChain over a memory space: `EngramRetriever(space=space)`."""

from __future__ import annotations

from typing import Any

from engram.integrations.bridge import Bridge, recalled
from engram.integrations.extras import extra
from engram.model.explanation import PathStep
from engram.model.recollection import Recollection
from engram.service.space import Space

with extra("langchain"):
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
    )
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from pydantic import Field, PrivateAttr


class EngramRetriever(BaseRetriever):
    """Recalls what a query brings to mind: by meaning, by words and by association.

    A document's `page_content` is the memory's content and its `id` the memory's. Its `metadata`
    has `id`, `score`, `relevance`, `confidence`, `confidence_interval`, `group`, `parts`, `path`
    (steps with `memory_id`, `label`, `kind`, `weight`), `kind`, `tags`, `source`, `session`,
    `occurred_at` and `recorded_at` (ISO 8601), and as `metadata` what the memory was given. All of
    it is JSON.
    """

    space: Any
    """A space of `engram.open`, `engram.connect` or `engram.sync`; the latter for `invoke` on the
    thread of an event loop."""
    limit: int = 10
    """1 to 1,000 documents at most."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What `Space.recall` takes besides: filters, `mode`, `reinforce`, `session`, `explain`."""
    _bridge: Bridge = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Take the space; InvalidRequest when it is none."""
        super().model_post_init(context)
        self._bridge = Bridge(self.space)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager  # nothing is called in turn
        return self._bridge.run(lambda space: self._recall(space, query))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager  # as above
        return await self._bridge.arun(lambda space: self._recall(space, query))

    async def _recall(self, space: Space, query: str) -> list[Document]:
        hits = await recalled(space, query, self.limit, **self.arguments)
        return [_document(hit) for hit in hits]


def _document(hit: Recollection) -> Document:
    memory = hit.memory
    told = {
        "id": memory.id,
        "score": hit.score,
        "relevance": hit.relevance,
        "confidence": hit.confidence,
        "confidence_interval": list(hit.confidence_interval),
        "group": hit.group,
        "parts": dict(hit.parts),
        "path": [_step(step) for step in hit.path],
        "kind": memory.kind,
        "tags": list(memory.tags),
        "source": memory.source,
        "session": memory.session,
        "occurred_at": memory.occurred_at.isoformat(),
        "recorded_at": memory.recorded_at.isoformat(),
        "metadata": memory.metadata or {},
    }
    if hit.explanation is not None:
        told["explanation"] = hit.explanation
    return Document(page_content=memory.content, id=memory.id, metadata=told)


def _step(step: PathStep) -> dict[str, Any]:
    return {
        "memory_id": step.memory_id,
        "label": step.label,
        "kind": step.kind,
        "weight": step.weight,
    }
