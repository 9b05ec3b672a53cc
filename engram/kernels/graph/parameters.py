"""How activation fades on its way, and when it stops."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

import numpy as np

from engram.kernels.addresses import address
from engram.kernels.graph.layout import LEVELS_MAX, ParametersLayout
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from engram.kernels.arrays import F32

DecayForm: TypeAlias = Literal["exponential", "power", "linear"]

KINDS_MAX: Final = 256
"""Kinds of edges there can be: a kind is uint8."""

THRESHOLD_MIN: Final = 1e-6
"""Below this a call would follow amounts that say nothing, down to denormal numbers."""

EDGE_BUDGET_MAX: Final = 2**32 - 1
"""No graph has more edges."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpreadParameters:
    """The parameters of spreading, checked once; keep one object for many calls.

    Raises:
        InvalidRequest: lists every parameter outside its range.
    """

    decay: float = 0.7
    """r, 0 or more: what is left after h hops is e^(-r h), (1 + h)^-r or max(0, 1 - r h)."""
    decay_form: DecayForm = "exponential"
    """Which of these; the factor of hop h is what is left after h hops over that after h - 1."""
    threshold: float = 0.01
    """Smaller amounts are neither added nor followed; from 1e-6 to 1."""
    depth: int = 4
    """Hops from a seed, at most; 0 to 255."""
    fan_exponent: float = 0.5
    """What a node passes on is divided by its fan to this power; 0 to 1, 0 switches that off."""
    cycle_damping: float = 0.93
    """Factor on what reaches a node that is active already; 0 to 1."""
    kind_weights: tuple[float, ...] = ()
    """Factor for each kind of edge, from kind 0 on, each 0 to 1; kinds beyond have 1."""
    edge_budget: int = 200_000
    """Edges read, at most."""

    hop_factors: F32 = field(init=False, repr=False, compare=False)
    """float32[depth]: the factor of each hop, the first at 0."""
    kind_table: F32 = field(init=False, repr=False, compare=False)
    """float32[256]: the factor of each kind."""
    kind_weight_max: float = field(init=False, repr=False, compare=False)
    layout: ctypes.Structure = field(init=False, repr=False, compare=False)
    address: int = field(init=False, repr=False, compare=False)
    """Where the library finds these parameters."""

    def __post_init__(self) -> None:
        violations = _violations(self)
        if violations:
            raise InvalidRequest(*violations)
        hop_factors = np.array(
            [_hop_factor(self.decay_form, self.decay, hop) for hop in range(1, self.depth + 1)],
            np.float32,
        )
        kind_table = np.ones(KINDS_MAX, np.float32)
        kind_table[: len(self.kind_weights)] = self.kind_weights
        layout = ParametersLayout(
            bytes=ctypes.sizeof(ParametersLayout),
            edge_budget=self.edge_budget,
            hop_factors=address(hop_factors),
            kind_weights=address(kind_table),
            depth=self.depth,
            threshold=self.threshold,
            cycle_damping=self.cycle_damping,
            kind_weight_max=float(kind_table.max()),
            is_uniform=int(kind_table.min() == kind_table.max()),
        )
        for name, value in (
            ("hop_factors", hop_factors),
            ("kind_table", kind_table),
            ("kind_weight_max", float(kind_table.max())),
            ("layout", layout),
            ("address", ctypes.addressof(layout)),
        ):
            object.__setattr__(self, name, value)


def _hop_factor(form: DecayForm, decay: float, hop: int) -> float:
    before = _left_after(form, decay, hop - 1)
    return _left_after(form, decay, hop) / before if before else 0.0


def _left_after(form: DecayForm, decay: float, hops: int) -> float:
    if form == "exponential":
        return math.exp(-decay * hops)
    if form == "power":
        return float((1.0 + hops) ** -decay)
    return max(0.0, 1.0 - decay * hops)


def _violations(parameters: SpreadParameters) -> list[str]:
    violations = []
    if parameters.decay_form not in get_args(DecayForm):
        named = ", ".join(get_args(DecayForm))
        violations.append(f"decay_form must be one of {named}, not {parameters.decay_form!r}")
    for name, low, high in (
        ("decay", 0.0, math.inf),
        ("threshold", THRESHOLD_MIN, 1.0),
        ("fan_exponent", 0.0, 1.0),
        ("cycle_damping", 0.0, 1.0),
    ):
        violations += _number_violations(name, getattr(parameters, name), low, high)
    for name, most in (("depth", LEVELS_MAX - 1), ("edge_budget", EDGE_BUDGET_MAX)):
        value = getattr(parameters, name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            violations.append(f"{name} must be an int from 0 to {most}, not {value!r}")
    kind_weights: object = parameters.kind_weights
    if not isinstance(kind_weights, tuple):
        kind = type(kind_weights).__name__
        return [*violations, f"kind_weights must be a tuple, not {kind}"]
    if len(kind_weights) > KINDS_MAX:
        count = len(kind_weights)
        violations.append(f"kind_weights must be at most {KINDS_MAX}, not {count}")
    for place, weight in enumerate(kind_weights):
        violations += _number_violations(f"kind_weights[{place}]", weight, 0.0, 1.0)
    return violations


def _number_violations(name: str, value: Any, low: float, high: float) -> list[str]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and low <= value <= high and math.isfinite(value):
        return []
    span = f"{low:g} or more" if math.isinf(high) else f"from {low:g} to {high:g}"
    return [f"{name} must be a number {span}, not {value!r}"]
