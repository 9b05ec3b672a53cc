"""What the verbs share: the adapters an open store was given, and its registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from engram.backup.repository import Repository
from engram.engine.registry import SpaceRegistry
from engram.kernels.protocol import KernelBackend
from engram.ports import Clock, Embedder, Entropy
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
    weights: FusionWeights = FusionWeights()
    """How recall weighs what it finds; evaluations compare others."""
    spreading: SpreadingWeights = SpreadingWeights()
    """How it lets activation spread; likewise."""
