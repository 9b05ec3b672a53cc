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
from engram.kernels.zig_library import HELD_ITEMS_MAX, ZigFamily

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
_empty: Final = np.empty
_new_tuple: Final = tuple.__new__
_pack_spread: Final = abi.SPREAD_CALL.pack
_pack_collect: Final = abi.COLLECT_CALL.pack


class ZigGraph(ZigFamily):
    """Calls the library with a scratch of its own pool; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._spread = library.engram_spread
        self._collect = library.engram_spread_collect
        self._collect_few = self._held.engram_spread_collect
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
        fan_scales, fan_scales_address = graph.fan_table(parameters.fan_exponent)
        scratch = self._scratches.take(nodes_count, seeds_count + parameters.edge_budget)
        count = self._spread(
            _pack_spread(
                graph.address,
                parameters.address,
                fan_scales_address,
                address(seeds),
                address(activations),
                seeds_count,
                scratch.address,
                0 if cancel is None else cancel.address,
            )
        )
        del fan_scales  # held until here: another call may have dropped the graph's table
        if count < 0:
            self._scratches.give_back(scratch)
            if count == abi.STATUS_INVALID_ARGUMENT:
                check_values(graph, seeds, activations)
            raise_status(count)
        rows, reached = _empty(count, _UINT32), _empty(count, _FLOAT32)
        parents, hops = _empty(count, _INT64), _empty(count, _UINT8)
        collect = self._collect_few if count <= HELD_ITEMS_MAX else self._collect
        collect(
            _pack_collect(
                scratch.address, address(rows), address(reached), address(parents), address(hops)
            )
        )
        layout = scratch.layout
        columns = (rows, reached, parents, hops, layout.edges_touched, layout.is_partial != 0)
        self._scratches.give_back(scratch)
        return _new_tuple(Spread, columns)  # as Spread(*columns), in a third of the time
