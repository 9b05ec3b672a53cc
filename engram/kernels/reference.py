"""The meaning of every kernel: plain loops in float64, slow on purpose, no case left out."""

from __future__ import annotations

from typing import Literal

from engram.kernels.forgetting.reference import ReferenceForgetting
from engram.kernels.vectors.reference import ReferenceVectors


class ReferenceBackend(ReferenceForgetting, ReferenceVectors):
    """Every kernel as its family defines it."""

    name: Literal["reference"] = "reference"
    isa = "python"
