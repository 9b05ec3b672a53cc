"""The meaning of every kernel: plain loops in float64, slow on purpose, no case left out."""

from __future__ import annotations

from typing import Literal

from engram.kernels.codes.reference import ReferenceCodes
from engram.kernels.forgetting.reference import ReferenceForgetting
from engram.kernels.fusion.reference import ReferenceFusion
from engram.kernels.graph.reference import ReferenceGraph
from engram.kernels.nearest.reference import ReferenceNearest
from engram.kernels.records.reference import ReferenceRecords
from engram.kernels.sketches.reference import ReferenceSketches
from engram.kernels.trails.reference import ReferenceTrails
from engram.kernels.vectors.reference import ReferenceVectors
from engram.kernels.words.reference import ReferenceWords


class ReferenceBackend(
    ReferenceCodes,
    ReferenceForgetting,
    ReferenceFusion,
    ReferenceGraph,
    ReferenceNearest,
    ReferenceRecords,
    ReferenceSketches,
    ReferenceTrails,
    ReferenceVectors,
    ReferenceWords,
):
    """Every kernel as its family defines it."""

    name: Literal["reference"] = "reference"
    isa = "python"
