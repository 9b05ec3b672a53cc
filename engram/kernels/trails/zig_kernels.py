"""The ways of a spread by the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.status import raise_status
from engram.kernels.trails.arguments import check_trails, refuse_spread
from engram.kernels.trails.protocol import Trails
from engram.kernels.zig_library import HELD_ITEMS_MAX, ZigFamily

if TYPE_CHECKING:
    from ctypes import CDLL

    from engram.kernels.arrays import U32
    from engram.kernels.graph.association_graph import AssociationGraph
    from engram.kernels.graph.protocol import Spread

_empty: Final = np.empty
_UINT32: Final = np.dtype(np.uint32)
_FLOAT32: Final = np.dtype(np.float32)
_INT64: Final = np.dtype(np.int64)
_UINT8: Final = np.dtype(np.uint8)
_pack: Final = abi.TRAILS_CALL.pack


class ZigTrails(ZigFamily):
    """Calls the library; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._trails = library.engram_trails
        self._trails_few = self._held.engram_trails

    def trails(
        self,
        graph: AssociationGraph,
        spread: Spread,
        listed: U32,
        *,
        ways_max: int,
        edges_max: int,
    ) -> Trails:
        """See `TrailKernels.trails`."""
        check_trails(graph, spread, listed, ways_max, edges_max)
        rows, activations, parents, hops = spread[:4]
        # A way has an edge for each hop to where its last edge begins, and that edge.
        hops_max = int(hops.max(initial=0)) + 1
        ways_room = len(listed) * ways_max
        room = ways_room * hops_max
        counts, lengths = _empty(len(listed), _UINT32), _empty(ways_room, _UINT32)
        nodes, edges = _empty(room + ways_room, _UINT32), _empty(room, _INT64)
        weights, kinds = _empty(room, _FLOAT32), _empty(room, _UINT8)
        places = _empty(1 << (2 * len(rows)).bit_length(), _UINT32)
        total = _empty(1, _INT64)
        find = self._trails_few if len(rows) <= HELD_ITEMS_MAX else self._trails
        count = find(
            _pack(
                graph.address,
                address(rows),
                address(activations),
                address(parents),
                len(rows),
                address(listed),
                len(listed),
                ways_max,
                min(edges_max, graph.edges_count),
                address(places),
                len(places),
                address(counts),
                address(lengths),
                address(nodes),
                address(edges),
                address(weights),
                address(kinds),
                room,
                address(total),
            )
        )
        if count < 0:
            if count == abi.STATUS_INVALID_ARGUMENT:
                refuse_spread()
            raise_status(count)
        e = int(total[0])
        columns = (nodes[: e + count], edges[:e], weights[:e], kinds[:e])
        return Trails(counts, lengths[:count], *columns)
