"""Checks the arguments of `trails` once a call; one sentence a mistake."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import numpy as np

from engram.kernels.graph.association_graph import AssociationGraph
from engram.kernels.graph.protocol import Spread
from engram.kernels.violations import array_violations
from engram.model.errors import InvalidRequest

WAYS_MAX: Final = 256
_REACHED_MAX: Final = 2**31 - 1
_COLUMNS: Final[tuple[tuple[str, np.dtype[Any]], ...]] = (
    ("rows", np.dtype(np.uint32)),
    ("activations", np.dtype(np.float32)),
    ("parent_edges", np.dtype(np.int64)),
    ("hops", np.dtype(np.uint8)),
)
_UINT32: Final = np.dtype(np.uint32)


def check_trails(
    graph: object, spread: object, listed: object, ways_max: int, edges_max: int
) -> None:
    """Raise InvalidRequest unless types, shapes and places are right."""
    if (
        type(graph) is AssociationGraph
        and type(spread) is Spread
        and type(listed) is np.ndarray
        and not _spread_violations(spread)
        and listed.dtype is _UINT32
        and listed.ndim == 1
        and listed.flags.c_contiguous
        and type(ways_max) is type(edges_max) is int
        and 1 <= ways_max <= WAYS_MAX
        and edges_max >= 0
    ):
        places = listed.tolist()
        if len(set(places)) == len(places) and max(places, default=-1) < len(spread.rows):
            return  # the common case
    violations = []
    if not isinstance(graph, AssociationGraph):
        violations.append(f"graph must be an AssociationGraph, not {type(graph).__name__}")
    if isinstance(spread, Spread):
        violations += _spread_violations(spread)
    else:
        violations.append(f"spread must be a Spread, not {type(spread).__name__}")
    violations += array_violations("listed", listed, 1, _UINT32)
    if type(ways_max) is not int or not 1 <= ways_max <= WAYS_MAX:
        violations.append(f"ways_max must be a count from 1 to {WAYS_MAX}, not {ways_max!r}")
    if type(edges_max) is not int or edges_max < 0:
        violations.append(f"edges_max must be a count, not {edges_max!r}")
    if not violations and isinstance(spread, Spread) and isinstance(listed, np.ndarray):
        places = listed.tolist()
        if len(set(places)) < len(places) or max(places, default=-1) >= len(spread.rows):
            violations.append(f"listed must be places below {len(spread.rows)}, each once")
    if violations:
        raise InvalidRequest(*violations)


def refuse_spread() -> NoReturn:
    """Raise InvalidRequest: what was reached was not reached over the graph."""
    raise InvalidRequest("spread is none of graph: it names a node, an edge or a way not there")


def _spread_violations(spread: Spread) -> list[str]:
    violations = []
    for (name, dtype), column in zip(_COLUMNS, spread[:4], strict=True):
        if (
            type(column) is not np.ndarray
            or column.dtype is not dtype
            or column.ndim != 1
            or not column.flags.c_contiguous
        ):
            violations += array_violations(f"spread {name}", column, 1, dtype)
    if not violations and len({len(column) for column in spread[:4]}) > 1:
        violations.append("spread must have columns of one length")
    if not violations and len(spread.rows) > _REACHED_MAX:
        violations.append(f"spread must have at most {_REACHED_MAX} rows")
    return violations
