"""Spreading: its parameters, its scratch, and what a caller on another thread can do."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from engram.kernels.cancel import CancelFlag
from engram.kernels.graph.association_graph import EDGE, AssociationGraph
from engram.kernels.graph.layout import GraphLayout
from engram.kernels.graph.parameters import SpreadParameters
from engram.kernels.graph.scratch import ScratchPool, SpreadScratch
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.protocol import KernelBackend
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import InvalidRequest, InvariantViolated, KernelCancelled
from engram.testing.kernels.graph import Link, graph_of

ROWS, GIVEN = np.zeros(1, np.uint32), np.ones(1, np.float32)


@pytest.mark.parametrize(
    ("named", "wrong"),
    [
        ("decay", {"decay": -0.1}),
        ("decay", {"decay": math.inf}),
        ("decay_form", {"decay_form": "cubic"}),
        ("threshold", {"threshold": 0.0}),
        ("threshold", {"threshold": math.nan}),
        ("depth", {"depth": 256}),
        ("depth", {"depth": 2.0}),
        ("fan_exponent", {"fan_exponent": 1.5}),
        ("cycle_damping", {"cycle_damping": True}),
        ("kind_weights", {"kind_weights": [1.0]}),
        ("kind_weights", {"kind_weights": (1.0,) * 257}),
        (r"kind_weights\[1\]", {"kind_weights": (1.0, 1.1)}),
        ("edge_budget", {"edge_budget": -1}),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(named: str, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match=named):
        SpreadParameters(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("form", "left"),
    [
        ("exponential", [math.exp(-0.3), math.exp(-0.6), math.exp(-0.9), math.exp(-1.2)]),
        ("power", [2**-0.3, 3**-0.3, 4**-0.3, 5**-0.3]),
        ("linear", [0.7, 0.4, 0.1, 0.0]),
    ],
)
def test_hop_factors_multiply_to_what_is_left(form: str, left: list[float]) -> None:
    parameters = SpreadParameters(decay=0.3, decay_form=form)  # type: ignore[arg-type]
    assert np.allclose(np.cumprod(parameters.hop_factors), left, rtol=1e-6, atol=1e-7)


def test_parameters_are_equal_by_what_they_say() -> None:
    assert SpreadParameters() == SpreadParameters(decay=0.7)
    assert SpreadParameters() != SpreadParameters(depth=3)


def test_a_scratch_serves_graphs_of_other_sizes_and_grows() -> None:
    pool = ScratchPool()
    first = pool.take(10, 10)
    pool.give_back(first)
    assert pool.take(8, 5) is first
    pool.give_back(first)
    larger = pool.take(20_000, 5_000)
    assert (larger.nodes_count, larger.capacity) == (20_000, 5_000)


def test_a_pool_keeps_no_more_than_eight() -> None:
    pool = ScratchPool()
    for _ in range(20):
        pool.give_back(SpreadScratch(1, 1))
    assert len(pool._idle) == 8


def endless() -> AssociationGraph:
    """Return a complete graph in which a spread without a threshold to speak of takes long."""
    count = 1500
    edges = np.empty(count * count, EDGE)
    edges["target"] = np.tile(np.arange(count), count)
    edges["weight"] = 1.0
    return AssociationGraph(np.arange(0, count * count + 1, count), edges)


@pytest.mark.parametrize("backend", [NumpyBackend(), ZigBackend()], ids=["numpy", "zig"])
def test_another_thread_stops_a_spread(backend: KernelBackend) -> None:
    """The call ends although its work would go on for many levels."""
    flag, is_running, caught = CancelFlag(), threading.Event(), []
    graph = endless()
    parameters = SpreadParameters(
        decay=0.0, fan_exponent=1.0, threshold=1e-6, depth=255, edge_budget=2**32 - 1
    )

    def spread() -> None:
        is_running.set()
        try:
            while True:  # a call may be over before the flag is set
                backend.spread(graph, ROWS, GIVEN, parameters, cancel=flag)
        except KernelCancelled as error:
            caught.append(error)

    thread = threading.Thread(target=spread)
    thread.start()
    is_running.wait()
    flag.set()
    thread.join()
    assert len(caught) == 1


def test_threads_share_a_backend_and_a_graph() -> None:
    """Calls at the same time give what one call gives."""
    backend = ZigBackend()
    random = np.random.default_rng(3)
    ends = random.integers(0, 400, (4000, 2)).tolist()
    graph = graph_of(400, [Link(source, target, 0.8) for source, target in ends])
    meant = [backend.spread(graph, ROWS + np.uint32(seed), GIVEN) for seed in range(8)]
    wrong: list[int] = []

    def spread(seed: int) -> None:
        for _ in range(50):
            own = backend.spread(graph, ROWS + np.uint32(seed), GIVEN)
            if own.activations.tobytes() != meant[seed].activations.tobytes():
                wrong.append(seed)

    threads = [threading.Thread(target=spread, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_layout_of_another_size_is_refused() -> None:
    """Python and the library must mean the same structures."""
    graph = graph_of(2, [Link(0, 1)])
    graph._layout.bytes = 8
    with pytest.raises(InvariantViolated):
        ZigBackend().spread(graph, ROWS, GIVEN)
    assert GraphLayout.bytes.size == 8


def test_answers_stay_when_the_numbers_of_calls_are_used_up() -> None:
    """The words of a scratch carry the number of a call; after the last one it starts anew."""
    backend = ZigBackend()
    graph = graph_of(4, [Link(0, 1), Link(1, 2), Link(2, 0)])
    meant = backend.spread(graph, ROWS, GIVEN)
    scratch = backend._scratches.take(4, 4)
    scratch.layout.call = 2 ** (32 - scratch.capacity.bit_length()) - 3
    backend._scratches.give_back(scratch)
    for _ in range(6):
        assert backend.spread(graph, ROWS, GIVEN).rows.tolist() == meant.rows.tolist()
    assert 0 < scratch.layout.call < 6
