"""The kernels as functions for users: lists and arrays in, arrays out.

They run on the backend the settings name (`ENGRAM_KERNELS`), chosen at the first call. Where the
backends insist on dtypes and layouts, these make the copies that are needed: an array that is
float32 and C-contiguous already is not copied.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from engram.kernels.graph.association_graph import EDGE, AssociationGraph
from engram.kernels.graph.protocol import DEFAULT_PARAMETERS, Spread
from engram.kernels.selection import make_kernels
from engram.model.errors import InvalidRequest
from engram.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from engram.kernels.arrays import F32, U32
    from engram.kernels.graph.parameters import SpreadParameters
    from engram.kernels.protocol import KernelBackend

_EDGE_FIELDS: Final = 3
_NODE_MAX: Final = 2**32 - 1


@cache
def process_kernels() -> KernelBackend:
    """Return the backend the settings of this process name; BackendUnavailable if it is absent."""
    return make_kernels(load_settings())


def vector_similarity(
    query: ArrayLike,
    vectors: ArrayLike,
    *,
    metric: Literal["cosine", "inner_product"] = "cosine",
    inv_norms: F32 | None = None,
) -> F32:
    """Return float32[n]: how similar each vector is to the query.

    Args:
        query: d numbers.
        vectors: n vectors of d numbers each.
        metric: `cosine` (0 for a vector of zeros, NaN for one that is not finite) or
            `inner_product`.
        inv_norms: float32[n] that `vector_norms` returned, for `cosine`; spares that pass over the
            vectors where they are asked about more than once.

    Raises:
        InvalidRequest: something is no array of numbers, or the shapes do not fit.
        BackendUnavailable: the settings name kernels that are not here.
    """
    kernels = process_kernels()
    wanted, rows = _float32("query", query, 1), _float32("vectors", vectors, 2)
    if metric == "inner_product":
        return kernels.similarity_f32(wanted, rows)
    if metric != "cosine":
        raise InvalidRequest(f"metric {metric!r} is not one of cosine, inner_product")
    unit = np.ascontiguousarray(wanted * kernels.normalize_f32(wanted[None])[0])
    if inv_norms is None:
        inv_norms = kernels.normalize_f32(rows)
    return kernels.similarity_f32(unit, rows, inv_norms=inv_norms)


def vector_norms(vectors: ArrayLike) -> F32:
    """Return float32[n]: one over the Euclidean norm of each of n vectors; 0 for one of zeros.

    Raises:
        InvalidRequest: `vectors` is no two-dimensional array of numbers.
        BackendUnavailable: the settings name kernels that are not here.
    """
    return process_kernels().normalize_f32(_float32("vectors", vectors, 2))


def apply_decay(strengths: ArrayLike, elapsed: ArrayLike, tau: ArrayLike) -> F32:
    """Return float32[n]: `strengths * e^(-elapsed / tau)`, what time leaves of each.

    A number stands for a whole column of it. Elapsed time below zero counts as none; a tau of zero
    or less forgets at once.

    Args:
        strengths: n numbers.
        elapsed: n times, in any unit.
        tau: n times in the same unit, each with e^-1 left after it.

    Raises:
        InvalidRequest: something is no array of numbers, or the lengths differ.
        BackendUnavailable: the settings name kernels that are not here.
    """
    columns = [
        np.atleast_1d(_float32(name, value, None))
        for name, value in (("strengths", strengths), ("elapsed", elapsed), ("tau", tau))
    ]
    try:
        kept, times, scales = (np.ascontiguousarray(c) for c in np.broadcast_arrays(*columns))
    except ValueError:
        lengths = ", ".join(str(column.shape) for column in columns)
        raise InvalidRequest(
            f"strengths, elapsed and tau have shapes {lengths}, which do not go together"
        ) from None
    with np.errstate(all="ignore"):
        rates = np.where(scales > 0, -1 / scales, np.where(np.isnan(scales), scales, -np.inf))
        left = process_kernels().decay(times.reshape(-1), rates.astype(np.float32).reshape(-1))
        return np.asarray(kept * left.reshape(kept.shape), np.float32)


def spread_activation(
    graph: AssociationGraph | Iterable[tuple[int, int, float]],
    seeds: Mapping[int, float] | Iterable[int],
    parameters: SpreadParameters = DEFAULT_PARAMETERS,
) -> Spread:
    """Spread activation from seeds along associations (Collins & Loftus 1975).

    What activation means is defined in `engram.kernels.graph.protocol`.

    Args:
        graph: an `AssociationGraph`, or associations as (from, to, weight in (0, 1]), of which one
            is made for this call.
        seeds: nodes with their activation in (0, 1], or nodes, each with 1.
        parameters: how activation fades, and when it stops.

    Returns:
        The nodes reached, their activation, the edge each was reached by (an edge's number in the
        graph; of a list, its place in the list) and after how many hops.

    Raises:
        InvalidRequest: an association or a seed is malformed, or a seed is no node of the graph.
        BackendUnavailable: the settings name kernels that are not here.
    """
    if isinstance(seeds, dict):
        nodes, activations = list(seeds), list(seeds.values())
    else:
        nodes = list(seeds)
        activations = [1.0] * len(nodes)
    starts = _nodes("seeds", nodes)
    strengths = _float32("activations", activations, 1)
    if isinstance(graph, AssociationGraph):
        return process_kernels().spread(graph, starts, strengths, parameters)
    made, names, places = _graph(list(graph), starts)
    known = np.searchsorted(names, starts).astype(np.uint32)
    found = process_kernels().spread(made, known, strengths, parameters)
    parents = found.parent_edges.copy()
    parents[parents >= 0] = places[parents[parents >= 0]]
    return found._replace(rows=names[found.rows], parent_edges=parents)


def _graph(
    associations: list[tuple[int, int, float]], seeds: U32
) -> tuple[AssociationGraph, U32, NDArray[np.int64]]:
    """Return the graph of a list, the node each of its rows is, and each edge's place in the list.

    Rows stand for the nodes there are, so that large numbers cost nothing.
    """
    if any(len(association) != _EDGE_FIELDS for association in associations):
        raise InvalidRequest("an association is (from, to, weight)")
    columns = list(zip(*associations, strict=True)) or [(), (), ()]
    sources, targets = _nodes("associations", columns[0]), _nodes("associations", columns[1])
    names = np.unique(np.concatenate([sources, targets, seeds]))
    order = np.argsort(sources, kind="stable")
    offsets = np.zeros(len(names) + 1, np.int64)
    fans = np.bincount(np.searchsorted(names, sources), minlength=len(names))
    np.cumsum(fans, out=offsets[1:])
    edges = np.empty(len(order), EDGE)
    edges["target"] = np.searchsorted(names, targets[order])
    edges["weight"] = _float32("weights", columns[2], 1)[order]
    return AssociationGraph(offsets, edges), names, order


def _nodes(name: str, values: Any) -> NDArray[np.uint32]:
    nodes = _array(name, values)
    is_whole = nodes.dtype.kind in "iu" or nodes.size == 0
    if not is_whole or (nodes.size and not 0 <= int(nodes.min()) <= int(nodes.max()) <= _NODE_MAX):
        raise InvalidRequest(f"{name} must be whole numbers from 0 to {_NODE_MAX}")
    return nodes.astype(np.uint32)


def _float32(name: str, values: ArrayLike, axes_count: int | None) -> F32:
    array = _array(name, values)
    if array.dtype.kind not in "fiub":
        raise InvalidRequest(f"{name} must hold numbers, not {array.dtype}")
    if axes_count is not None and array.ndim != axes_count:
        raise InvalidRequest(f"{name} must have {axes_count} axes, not {array.ndim}")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float32)


def _array(name: str, values: Any) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{name} is no array of numbers: {error}") from error
