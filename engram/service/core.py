"""What the verbs share: the adapters an open store was given, and its registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from engram.backup.repository import Repository
from engram.engine.registry import SpaceRegistry
from engram.engine.space_engine import SpaceEngine
from engram.kernels.protocol import KernelBackend
from engram.model.limits import QUERY_BUDGET_MS_DEFAULT
from engram.ports import Clock, Embedder, Entropy, Tracer
from engram.retrieval.fusion import FusionWeights
from engram.retrieval.seeding import SpreadingWeights


class Core(NamedTuple):
    """One open store's parts; built by wiring, read by the verbs."""

    registry: SpaceRegistry
    kernels: KernelBackend
    embedder: Embedder | None
    clock: Clock
    entropy: Entropy
    log_bytes_of: Callable[[str], int]
    store_id: bytes
    archives: Sequence[Repository] = ()
    """Where copies of what the log lets go are kept."""
    query_budget_ms: float = QUERY_BUDGET_MS_DEFAULT
    """What a statement may be expected to cost where its caller says nothing."""
    creates_on_write: bool = True
    """Whether the first write to a space creates it."""
    tracer: Tracer | None = None
    """What measures verbs and what they take; None: nothing does."""
    weights: FusionWeights = FusionWeights()
    """How recall weighs what it finds; evaluations compare others."""
    spreading: SpreadingWeights = SpreadingWeights()
    """How it lets activation spread; likewise."""

    async def open_to_write(self, space: str) -> SpaceEngine:
        """Return the engine of a space that something is about to be written to.

        SpaceNotFound when it is not there and a write creates none; else what opening it raises.
        """
        return await self.registry.open(space, create=self.creates_on_write)
