"""The kernels as functions: lists and arrays in, arrays out, on the process's backend."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import engram.kernels
from engram.kernels import (
    SpreadParameters,
    apply_decay,
    functions,
    spread_activation,
    vector_norms,
    vector_similarity,
)
from engram.kernels.graph.association_graph import EDGE, AssociationGraph
from engram.model.errors import InvalidRequest

ODD: Any = "odd"


@pytest.fixture(params=["zig", "numpy"], autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name each backend in the environment, as a user would."""
    monkeypatch.setenv("ENGRAM_KERNELS", request.param)
    functions.process_kernels.cache_clear()
    yield str(request.param)
    functions.process_kernels.cache_clear()


def test_the_backend_is_the_one_the_settings_name(backend: str) -> None:
    assert functions.process_kernels().name == backend


def test_cosines_of_lists() -> None:
    scores = vector_similarity([2, 0], [[1, 1], [0, 3], [-5, 0], [0, 0]])
    assert scores == pytest.approx([math.sqrt(0.5), 0, -1, 0], abs=1e-6)
    assert scores.dtype == np.float32


def test_inner_products_of_any_layout_and_dtype() -> None:
    vectors = np.arange(24, dtype=np.float64).reshape(4, 6)[:, ::2]
    scores = vector_similarity([1, 2, 3], vectors, metric="inner_product")
    assert scores == pytest.approx(vectors @ [1, 2, 3])


def test_norms_once_and_used_again() -> None:
    vectors = np.random.default_rng(1).standard_normal((9, 5))
    norms = vector_norms(vectors)
    assert norms == pytest.approx(1 / np.linalg.norm(vectors, axis=1), rel=1e-6)
    again = vector_similarity(vectors[2], vectors, inv_norms=norms)
    assert np.array_equal(again, vector_similarity(vectors[2], vectors))


def test_decay_leaves_a_share_that_time_and_tau_decide() -> None:
    assert apply_decay([1, 0.5, 1, 1], [0, 10, 10, -5], 10) == pytest.approx(
        [1, 0.5 / math.e, 1 / math.e, 1], abs=1e-6
    )
    assert apply_decay(2, [0, 1, 1], [0, 0, np.inf]) == pytest.approx([2, 0, 2])
    assert np.isnan(apply_decay([1], [np.nan], 1))[0]
    assert apply_decay(np.ones((2, 3)), [[1], [2]], 1).shape == (2, 3)


def test_activation_spreads_along_a_list_of_associations() -> None:
    """Parents are places in the list, whatever order the list has."""
    found = spread_activation([(1, 2, 1.0), (0, 1, 1.0), (0, 3, 0.5)], {0: 1.0})
    assert found.rows.tolist() == [0, 1, 3, 2]
    assert found.parent_edges.tolist() == [-1, 1, 2, 0]
    assert found.hops.tolist() == [0, 1, 1, 2]


def test_activation_spreads_over_a_graph_that_is_kept() -> None:
    edges = np.array([(1, 0.9), (2, 0.9)], EDGE)
    made = AssociationGraph(np.array([0, 1, 2, 2]), edges)
    found = spread_activation(made, [0], SpreadParameters(depth=1))
    assert found.rows.tolist() == [0, 1]


def test_large_node_numbers_cost_nothing() -> None:
    found = spread_activation([(4_000_000_000, 7, 1.0)], [4_000_000_000, 2**32 - 1])
    assert found.rows.tolist() == [4_000_000_000, 2**32 - 1, 7]


def test_a_seed_without_associations_reaches_itself() -> None:
    assert spread_activation([], [5]).rows.tolist() == [5]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: vector_similarity([1, 2], [[1, 2], [3]]), "vectors is no array of numbers"),
        (lambda: vector_similarity(["a"], [[1]]), "query must hold numbers"),
        (lambda: vector_similarity([[1]], [[1]]), "query must have 1 axes"),
        (lambda: vector_similarity([1], [1]), "vectors must have 2 axes"),
        (lambda: vector_similarity([1, 2], [[1]]), "query has 2 dimensions but rows have 1"),
        (lambda: vector_similarity([1], [[1]], metric=ODD), "metric 'odd' is not one of"),
        (lambda: vector_similarity([1j], [[1]]), "query must hold numbers"),
        (lambda: apply_decay([1, 2], [1, 2, 3], 1), "do not go together"),
        (lambda: spread_activation([ODD[:2]], [0]), "an association is"),
        (lambda: spread_activation([(0, 1, 2.0)], [0]), "weigh more than 0 and at most 1"),
        (lambda: spread_activation([(0, 1, 1.0)], [-1]), "seeds must be whole numbers"),
        (lambda: spread_activation([(0, 1, 1.0)], [ODD]), "seeds must be whole numbers"),
        (lambda: spread_activation([(0, 1, 1.0)], {0: 2.0}), "activations"),
    ],
)
def test_each_mistake_has_a_sentence(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest, match=sentence):
        call()


def test_every_public_name_is_there_and_loaded_late() -> None:
    assert [name for name in engram.kernels.__all__ if not hasattr(engram.kernels, name)] == []
    assert sorted(engram.kernels.__all__) == dir(engram.kernels)
    program = "import sys, engram.kernels; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603
    with pytest.raises(AttributeError, match="no attribute 'tea'"):
        _ = engram.kernels.tea
