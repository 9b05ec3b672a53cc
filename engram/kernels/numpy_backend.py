"""Every kernel in numpy: always there."""

from __future__ import annotations

from typing import Literal

from engram.kernels.codes.numpy_kernels import NumpyCodes
from engram.kernels.forgetting.numpy_kernels import NumpyForgetting
from engram.kernels.fusion.numpy_kernels import NumpyFusion
from engram.kernels.graph.numpy_kernels import NumpyGraph
from engram.kernels.nearest.numpy_kernels import NumpyNearest
from engram.kernels.records.numpy_kernels import NumpyRecords
from engram.kernels.sketches.numpy_kernels import NumpySketches
from engram.kernels.trails.numpy_kernels import NumpyTrails
from engram.kernels.vectors.numpy_kernels import NumpyVectors
from engram.kernels.words.numpy_kernels import NumpyWords


class NumpyBackend(
    NumpyCodes,
    NumpyForgetting,
    NumpyFusion,
    NumpyGraph,
    NumpyNearest,
    NumpyRecords,
    NumpySketches,
    NumpyTrails,
    NumpyVectors,
    NumpyWords,
):
    """The kernels of every family in numpy."""

    name: Literal["numpy"] = "numpy"
    isa = "numpy"
