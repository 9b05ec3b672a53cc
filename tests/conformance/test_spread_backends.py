"""Spreads over random graphs are the same, bit by bit, in every backend."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.kernels.graph.parameters import DecayForm, SpreadParameters
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.testing.kernels.graph import Link, check_against_reference, graph_of

BACKENDS = (NumpyBackend(), ZigBackend())
UNIT = st.floats(0, 1, width=32)
WEIGHTS = st.one_of(st.floats(0, 1, width=32, exclude_min=True), st.sampled_from([0.5, 1.0]))


@settings(max_examples=150)
@given(data=st.data(), nodes_count=st.integers(1, 12), has_kinds=st.booleans())
def test_spreads_are_the_same(data: st.DataObject, *, nodes_count: int, has_kinds: bool) -> None:
    """Activations stay in (0, 1], whatever the graph, the seeds and the parameters."""
    nodes = st.integers(0, nodes_count - 1)
    links = st.lists(st.builds(Link, nodes, nodes, WEIGHTS, st.integers(0, 3)), max_size=40)
    graph = graph_of(nodes_count, data.draw(links), data.draw(links), has_kinds=has_kinds)
    parameters = SpreadParameters(
        decay=data.draw(st.floats(0, 3)),
        decay_form=data.draw(st.sampled_from(DecayForm.__args__)),  # type: ignore[attr-defined]
        threshold=data.draw(st.floats(1e-6, 1)),
        depth=data.draw(st.integers(0, 12)),
        fan_exponent=data.draw(st.floats(0, 1)),
        cycle_damping=data.draw(UNIT),
        kind_weights=tuple(data.draw(st.lists(UNIT, max_size=4))),
        edge_budget=data.draw(st.one_of(st.integers(0, 60), st.just(200_000))),
    )
    seeds = data.draw(st.lists(st.tuples(nodes, WEIGHTS), max_size=6))
    rows = np.array([row for row, _ in seeds], np.uint32)
    activations = np.array([activation for _, activation in seeds], np.float32)
    for backend in BACKENDS:
        check_against_reference(backend, graph, rows, activations, parameters)
