"""Checks the arguments of a spread, one sentence a mistake."""

from __future__ import annotations

import numpy as np

from engram.kernels.arrays import F32, U32
from engram.kernels.graph.association_graph import AssociationGraph
from engram.kernels.graph.parameters import SpreadParameters
from engram.kernels.violations import array_violations
from engram.model.errors import InvalidRequest

_ARRAY = np.ndarray
_UINT32 = np.dtype(np.uint32)
_FLOAT32 = np.dtype(np.float32)
_SEEDS_MAX = 2**32 - 1  # positions are uint32


def check_form(graph: object, seeds: object, activations: object, parameters: object) -> None:
    """Raise InvalidRequest unless types, dtypes, shapes and layouts are right; reads no value."""
    if (
        type(seeds) is _ARRAY
        and type(activations) is _ARRAY
        and seeds.dtype is _UINT32
        and activations.dtype is _FLOAT32
        and seeds.ndim == 1
        and activations.shape == seeds.shape
        and type(graph) is AssociationGraph
        and type(parameters) is SpreadParameters
        and seeds.flags.c_contiguous
        and activations.flags.c_contiguous
    ):
        return  # the common case
    violations = [
        *array_violations("seeds", seeds, 1, _UINT32),
        *array_violations("activations", activations, 1, _FLOAT32),
    ]
    if not violations and isinstance(seeds, np.ndarray) and isinstance(activations, np.ndarray):
        if len(seeds) != len(activations):
            violations.append(f"activations has {len(activations)} elements for {len(seeds)} seeds")
        if len(seeds) > _SEEDS_MAX:
            violations.append(f"seeds must be at most {_SEEDS_MAX}, not {len(seeds)}")
    if not isinstance(graph, AssociationGraph):
        violations.append(f"graph must be an AssociationGraph, not {type(graph).__name__}")
    if not isinstance(parameters, SpreadParameters):
        kind = type(parameters).__name__
        violations.append(f"parameters must be SpreadParameters, not {kind}")
    if violations:
        raise InvalidRequest(*violations)


def check_values(graph: AssociationGraph, seeds: U32, activations: F32) -> None:
    """Raise InvalidRequest unless seeds are nodes and activations lie in (0, 1]."""
    violations = []
    if len(seeds) > 0 and int(seeds.max()) >= graph.nodes_count:
        violations.append(
            f"seeds must be nodes below {graph.nodes_count}, but one is {int(seeds.max())}"
        )
    if not np.all((activations > 0) & (activations <= 1)):
        violations.append("activations must be more than 0 and at most 1")
    if violations:
        raise InvalidRequest(*violations)
