"""Spreading activation by the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.graph.arguments import check_form, check_values
from engram.kernels.graph.protocol import DEFAULT_PARAMETERS, Spread
from engram.kernels.graph.scratch import ScratchPool
from engram.kernels.status import raise_status
from engram.kernels.zig_library import ZigFamily

if TYPE_CHECKING:
    from ctypes import CDLL

    from engram.kernels.arrays import F32, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.graph.association_graph import AssociationGraph
    from engram.kernels.graph.parameters import SpreadParameters

_UINT32: Final = np.dtype(np.uint32)
_FLOAT32: Final = np.dtype(np.float32)
_INT64: Final = np.dtype(np.int64)
_UINT8: Final = np.dtype(np.uint8)


class ZigGraph(ZigFamily):
    """Calls the library with a scratch of its own pool; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._spread = library.engram_spread
        self._collect = library.engram_spread_collect
        self._scratches = ScratchPool()

    def spread(
        self,
        graph: AssociationGraph,
        seeds: U32,
        activations: F32,
        parameters: SpreadParameters = DEFAULT_PARAMETERS,
        *,
        cancel: CancelFlag | None = None,
    ) -> Spread:
        """See `GraphKernels.spread`."""
        check_form(graph, seeds, activations, parameters)
        nodes_count, seeds_count = graph.nodes_count, len(seeds)
        fan_scales = graph.fan_scales(parameters.fan_exponent)
        scratch = self._scratches.take(
            nodes_count, min(nodes_count, seeds_count + parameters.edge_budget)
        )
        count = self._spread(
            graph.address,
            parameters.address,
            address(fan_scales),
            address(seeds),
            address(activations),
            seeds_count,
            scratch.address,
            None if cancel is None else cancel.address,
        )
        if count < 0:
            self._scratches.give_back(scratch)
            if count == abi.STATUS_INVALID_ARGUMENT:
                check_values(graph, seeds, activations)
            raise_status(count)
        rows, hops = np.empty(count, _UINT32), np.empty(count, _UINT8)
        reached, parents = np.empty(count, _FLOAT32), np.empty(count, _INT64)
        self._collect(
            scratch.address, address(rows), address(reached), address(parents), address(hops)
        )
        layout = scratch.layout
        spread = Spread(rows, reached, parents, hops, layout.edges_touched, layout.is_partial != 0)
        self._scratches.give_back(scratch)
        return spread
