"""A space whose verbs are spans, and an embedder whose calls are."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from engram.model.recall_result import RecallResult
from engram.ports import Embedder, Tracer
from engram.service.core import Core
from engram.service.space import Space

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _TracedSpace(Space):
    """A space of a store that has a tracer; its verbs are given below."""


def make_space(space_id: str, core: Core, principal: str = "") -> Space:
    """Return the handle of a space; with a tracer each of its verbs is a span."""
    return (Space if core.tracer is None else _TracedSpace)(space_id, core, principal)


def traced_embedder(embedder: Embedder | None, tracer: Tracer | None) -> Embedder | None:
    """Return the embedder as it is, or with its calls as spans of a tracer."""
    if embedder is None or tracer is None:
        return embedder
    return cast("Embedder", _TracedEmbedder(embedder, tracer))


class _TracedEmbedder:
    """An embedder whose calls are spans of what asked for them."""

    def __init__(self, embedder: Embedder, tracer: Tracer) -> None:
        self._embedder, self._tracer = embedder, tracer

    def __getattr__(self, name: str) -> Any:
        """Return all else from the embedder."""
        return getattr(self._embedder, name)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return what the embedder makes of texts."""
        with self._tracer.within("embed"):
            return await self._embedder.embed(texts)


def _traced(verb: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    name = f"space {verb.__name__}"

    @wraps(verb)
    async def traced(self: Space, *arguments: Any, **named: Any) -> Any:
        tracer = cast("Tracer", self._core.tracer)
        with tracer.span(name, self.id) as span:
            result = await verb(self, *arguments, **named)
            if isinstance(result, RecallResult):
                span.note("engram.candidates", result.candidates)
            return result

    return traced


for _name, _verb in inspect.getmembers(Space, inspect.iscoroutinefunction):
    if not _name.startswith("_"):
        setattr(_TracedSpace, _name, _traced(_verb))
