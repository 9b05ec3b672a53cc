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
from engram.service.creating import NewSpaces


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
    new_spaces: NewSpaces | None = None
    """What bounds how many spaces there are; None: nothing does."""
    tracer: Tracer | None = None
    """What measures verbs and what they take; None: nothing does."""
    weights: FusionWeights = FusionWeights()
    """How recall weighs what it finds; evaluations compare others."""
    spreading: SpreadingWeights = SpreadingWeights()
    """How it lets activation spread; likewise."""

    async def open_to_write(self, space: str) -> SpaceEngine:
        """Return the engine of a space that something is about to be written to.

        SpaceNotFound when it is not there and a write creates none, TooManySpaces when it would be
        one too many; else what opening it raises.
        """
        engine = self.registry.open_now(space)
        if engine is not None:
            return engine
        if self.creates_on_write:
            await self.check_room(space)
        return await self.registry.open(space, create=self.creates_on_write)

    async def check_room(self, space: str, caller: str | None = None) -> None:
        """Raise TooManySpaces when a space is not there, and there is no room for it.

        With a `caller`: when that one made as many as it may.
        """
        bounds, registry = self.new_spaces, self.registry
        if bounds is None or registry.open_now(space) is not None or await registry.exists(space):
            return
        if caller is None:
            await bounds.check(space, registry.names)
        else:
            await bounds.check_caller(space, caller, registry.names)
