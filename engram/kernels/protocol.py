"""What a kernel backend promises; `engram.testing.kernels` holds every backend to it.

Rule 1: `reference` is the meaning, the others are the same sooner; how near they come to it stands
        in the protocol of each family.
Rule 2: inputs are read, never written; no backend starts a thread of its own, but the shadow.
Rule 3: every mistake in the arguments is an InvalidRequest with a sentence, never a crash.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from engram.kernels.codes.protocol import CodeKernels
from engram.kernels.forgetting.protocol import ForgettingKernels
from engram.kernels.fusion.protocol import FusionKernels
from engram.kernels.graph.protocol import GraphKernels
from engram.kernels.nearest.protocol import NearestKernels
from engram.kernels.records.protocol import RecordKernels
from engram.kernels.sketches.protocol import SketchKernels
from engram.kernels.trails.protocol import TrailKernels
from engram.kernels.vectors.protocol import VectorKernels
from engram.kernels.words.protocol import WordKernels

BackendName: TypeAlias = Literal["reference", "numpy", "zig", "shadow"]


class KernelBackend(
    CodeKernels,
    ForgettingKernels,
    FusionKernels,
    GraphKernels,
    NearestKernels,
    RecordKernels,
    SketchKernels,
    TrailKernels,
    VectorKernels,
    WordKernels,
    Protocol,
):
    """Runs the kernels over C-contiguous arrays owned by the caller; safe to call from threads."""

    @property
    def name(self) -> BackendName:
        """Which implementation this is."""

    @property
    def isa(self) -> str:
        """Instruction set in use: `python`, `numpy`, `baseline`, `avx2`, `avx512` or `neon`."""
