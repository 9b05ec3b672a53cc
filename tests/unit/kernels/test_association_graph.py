"""Graphs of associations are checked once and carry their fresh edges beside them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from engram.kernels.graph.association_graph import EDGE, AssociationGraph, FreshEdges
from engram.model.errors import InvalidRequest

OFFSETS = np.array([0, 2, 2, 3], np.int64)
KINDS = np.array([0, 1, 0], np.uint8)


def edges(*pairs: tuple[int, float]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    return np.array(list(pairs), EDGE)


EDGES = edges((1, 0.5), (2, 1.0), (0, 0.25))


@pytest.mark.parametrize(
    ("named", "make"),
    [
        ("offsets must hold int64", lambda: AssociationGraph(OFFSETS.astype(np.int32), EDGES)),
        ("offsets must begin with 0", lambda: AssociationGraph(OFFSETS + 1, EDGES)),
        ("offsets must begin with 0", lambda: AssociationGraph(OFFSETS[:0], EDGES)),
        ("offsets must begin with 0", lambda: AssociationGraph(OFFSETS, EDGES[:2])),
        (
            "offsets must not descend",
            lambda: AssociationGraph(np.array([0, 3, 2, 3]), EDGES),
        ),
        ("edges must be a numpy array", lambda: AssociationGraph(OFFSETS, None)),  # type: ignore[arg-type]
        ("edges must hold", lambda: AssociationGraph(OFFSETS, EDGES["target"])),
        ("edges must be contiguous", lambda: AssociationGraph(OFFSETS, np.repeat(EDGES, 2)[::2])),
        ("nodes below 3", lambda: AssociationGraph(OFFSETS, edges((1, 0.5), (3, 1.0), (0, 1.0)))),
        ("must weigh", lambda: AssociationGraph(OFFSETS, edges((1, np.nan), (2, 1), (0, 1)))),
        ("must weigh", lambda: AssociationGraph(OFFSETS, edges((1, 1.0), (2, 0), (0, 1)))),
        ("must weigh", lambda: AssociationGraph(OFFSETS, edges((1, 1.0), (2, 1), (0, -0.1)))),
        ("must weigh", lambda: AssociationGraph(OFFSETS, edges((1, 1.5), (2, 1), (0, 1)))),
        ("must weigh", lambda: AssociationGraph(OFFSETS, edges((1, np.inf), (2, 1), (0, 1)))),
        ("kinds has 2 elements", lambda: AssociationGraph(OFFSETS, EDGES, KINDS[:2])),
        ("kinds must hold uint8", lambda: AssociationGraph(OFFSETS, EDGES, KINDS.astype(np.int8))),
    ],
)
def test_a_wrong_column_is_refused_by_name(named: str, make: Callable[[], object]) -> None:
    with pytest.raises(InvalidRequest, match=named):
        make()


def fresh(
    sources: tuple[int, ...] = (1, 2),
    offsets: tuple[int, ...] = (0, 1, 3),
    targets: tuple[int, ...] = (0, 1, 2),
    *,
    has_kinds: bool = False,
) -> FreshEdges:
    return FreshEdges(
        np.array(sources, np.uint32),
        np.array(offsets, np.int64),
        edges(*((target, 1.0) for target in targets)),
        np.zeros(len(targets), np.uint8) if has_kinds else None,
    )


@pytest.mark.parametrize(
    ("named", "wrong"),
    [
        ("ascend, each once", fresh(sources=(2, 1))),
        ("ascend, each once", fresh(sources=(1, 1))),
        ("nodes below 3", fresh(sources=(1, 3))),
        ("one more than", fresh(sources=(1,))),
        ("fresh offsets must begin", fresh(offsets=(0, 1, 2))),
        ("fresh edges must lead", fresh(targets=(0, 1, 3))),
        ("exactly when", fresh(has_kinds=True)),
        ("must hold uint32", fresh()._replace(sources=np.array([1, 2]))),
    ],
)
def test_wrong_fresh_edges_are_refused_by_name(named: str, wrong: FreshEdges) -> None:
    with pytest.raises(InvalidRequest, match=named):
        AssociationGraph(OFFSETS, EDGES).with_fresh(wrong)


def test_every_mistake_is_listed_at_once() -> None:
    wrong = edges((7, 2.0), (2, 1.0), (0, 1.0))
    with pytest.raises(InvalidRequest) as caught:
        AssociationGraph(OFFSETS, wrong)
    assert len(caught.value.violations) == 2


def test_an_edge_begins_at_the_node_that_holds_it() -> None:
    """Nodes without edges, fresh edges and the seeds' -1 are told apart."""
    graph = AssociationGraph(OFFSETS, EDGES).with_fresh(fresh())
    sources = graph.sources_of(np.array([-1, 0, 1, 2, 3, 4, 5]))
    assert sources.tolist() == [-1, 0, 0, 2, 1, 2, 2]


def test_fresh_edges_leave_the_graph_they_are_added_to_alone() -> None:
    graph = AssociationGraph(OFFSETS, EDGES)
    wider = graph.with_fresh(fresh(sources=(0, 2)))
    assert (graph.fan_max, wider.fan_max) == (2, 3)
    assert graph.fresh is None
    assert wider.with_fresh(None).fresh is None


def test_empty_fresh_edges_are_none() -> None:
    graph = AssociationGraph(OFFSETS, EDGES, fresh=fresh((), (0,), ()))
    assert graph.fresh is None


def test_fans_divide_by_their_power() -> None:
    graph = AssociationGraph(OFFSETS, EDGES)
    assert graph.fan_scales(0.5).tolist() == [0.0, 1.0, np.float32(2**-0.5)]
    assert graph.fan_scales(0.0).tolist() == [0.0, 1.0, 1.0]


def test_a_graph_keeps_few_tables_of_fans() -> None:
    graph = AssociationGraph(OFFSETS, EDGES)
    for exponent in np.linspace(0, 1, 50).tolist():
        graph.fan_scales(exponent)
    assert len(graph._fan_tables) <= 4


def test_the_layout_gives_the_addresses_of_the_columns() -> None:
    graph = AssociationGraph(OFFSETS, EDGES, KINDS)
    assert graph._layout.edges == graph.edges.ctypes.data
    assert graph._layout.kinds == graph.kinds.ctypes.data  # type: ignore[union-attr]
    assert graph._layout.fresh_bits is None
    assert graph.address == ctypes.addressof(graph._layout)
