"""Every kernel has a workload, and each workload is a call any backend may make."""

from __future__ import annotations

import pickle

import pytest

from benches.regression.workloads import JUDGED, WORKLOADS, Workload, graph, words
from engram.kernels.graph.protocol import Spread
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.protocol import KernelBackend

KERNELS = {
    name
    for name in dir(KernelBackend)
    if not name.startswith("_") and callable(getattr(KernelBackend, name))
}


def test_every_kernel_has_a_workload_that_is_judged() -> None:
    """A new kernel needs a call in benches/regression/workloads before it is merged."""
    assert sorted(KERNELS - {workload.kernel for workload in JUDGED}) == []


def test_no_workload_is_of_a_kernel_that_is_gone() -> None:
    assert sorted({workload.kernel for workload in WORKLOADS} - KERNELS) == []


def test_workloads_have_names_of_their_own() -> None:
    names = [workload.name for workload in WORKLOADS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("workload", JUDGED, ids=lambda workload: workload.name)
def test_a_workload_makes_the_same_call_every_time(workload: Workload) -> None:
    """Its data come from a seed, and a call leaves them as they were."""
    backend = NumpyBackend()
    call = workload.prepare()
    first = pickle.dumps(call(backend))
    assert pickle.dumps(call(backend)) == first
    assert pickle.dumps(workload.prepare()(backend)) == first


def test_the_postings_of_the_cue_are_as_many_as_the_charts_say() -> None:
    view, asked = words.searched()
    slices = view.columns.slices(asked.terms)
    assert sum(rows.size for of_term in slices for rows, _ in of_term) == words.POSTINGS


def test_activation_touches_as_many_edges_as_the_charts_say() -> None:
    found = [workload.prepare()(NumpyBackend()) for workload in graph.WORKLOADS]
    touched = [spread.edges_touched for spread in found if isinstance(spread, Spread)]
    assert tuple(touched) == graph.EDGES_TOUCHED
