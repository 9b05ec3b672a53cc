"""What a memory space can be told about itself: how it forgets, and what bears upon strength."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, TypedDict

import msgspec

from engram.model.errors import InvalidRequest

FSRS: Final = "fsrs"
EXPONENTIAL: Final = "exponential"
POWER: Final = "power"
TWO_COMPONENT: Final = "two_component"
SAVINGS: Final = "savings"
NONE: Final = "none"
FORGETTING_MODELS: Final = (FSRS, EXPONENTIAL, POWER, TWO_COMPONENT, SAVINGS, NONE)

FSRS_WEIGHTS: Final = (
    0.212, 1.2931, 2.3065, 8.2956, 6.4133, 0.8334, 3.0194, 0.001, 1.8722, 0.1666, 0.796,
    1.4835, 0.0614, 0.2629, 1.6483, 0.6014, 1.8729, 0.5425, 0.0912, 0.0658, 0.1542,
)  # fmt: skip
"""w0 to w20 as FSRS-6 is published (open-spaced-repetition; the `fsrs` package carries them)."""

_LEAST: Final = (
    0.001, 0.001, 0.001, 0.001, 1.0, 0.001, 0.001, 0.001, 0.0, 0.0, 0.001,
    0.001, 0.001, 0.001, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.1,
)  # fmt: skip
_MOST: Final = (
    100.0, 100.0, 100.0, 100.0, 10.0, 4.0, 4.0, 0.75, 4.5, 0.8, 3.5,
    5.0, 0.25, 0.9, 4.0, 1.0, 6.0, 2.0, 2.0, 0.8, 0.8,
)  # fmt: skip

BETA: Final = 0.42
FAST_HOURS: Final = 0.38
SLOW_HOURS: Final = 1_359.0
FAST_SHARE: Final = 0.67
"""The least-squares fits of the power law and of the two components to the seven points of
Ebbinghaus 1885, rounded; a test fits them again."""

# Of the numbers above: wide enough for any memory, narrow enough for float32.
_BOUNDS: Final = {
    "beta": (0.001, 10.0),
    "fast_hours": (0.001, 1e6),
    "slow_hours": (0.001, 1e6),
    "fast_share": (0.0, 1.0),
}
_USED_BY: Final = {
    FSRS: ("weights",),
    EXPONENTIAL: ("weights",),
    POWER: ("beta",),
    TWO_COMPONENT: ("fast_hours", "slow_hours", "fast_share"),
    SAVINGS: (),
    NONE: (),
}


class SpaceSettings(msgspec.Struct, frozen=True):
    """How a space forgets. Every number is kept, also those its curve does not use."""

    forgetting: str = FSRS
    weights: tuple[float, ...] = FSRS_WEIGHTS
    """Of FSRS-6: how reviews change stability and difficulty, and, last, the curve's decay."""
    beta: float = BETA
    """Of the power law (1 + hours)^-beta."""
    fast_hours: float = FAST_HOURS
    """Of two components: the time constant of the part that goes soon."""
    slow_hours: float = SLOW_HOURS
    """Of two components: the time constant of the part that stays."""
    fast_share: float = FAST_SHARE
    """Of two components: the share that goes soon, of a memory never listed in an answer."""
    interference: bool = True
    """Whether similar memories recorded shortly before or after weaken a memory."""
    priming: bool = True
    """Whether a recall in a session makes the next one in it find related memories sooner."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The numbers that the space's curve uses, by name."""
        return {name: getattr(self, name) for name in _USED_BY[self.forgetting]}


class SettingArguments(TypedDict, total=False):
    """What `configure` may be given; what is left out stays as it is."""

    forgetting: str
    weights: Sequence[float]
    beta: float
    fast_hours: float
    slow_hours: float
    fast_share: float
    interference: bool
    priming: bool


DEFAULT_SETTINGS: Final = SpaceSettings()


def check_settings(arguments: SettingArguments) -> dict[str, Any]:
    """Return changes of settings as they are kept; InvalidRequest lists what breaks a rule."""
    violations: list[str] = []
    changes: dict[str, Any] = {}
    for name, value in arguments.items():
        if value is None:
            continue
        if name == "forgetting":
            changes[name] = _model(value, violations)
        elif name == "weights":
            changes[name] = _weights(value, violations)
        elif name in _BOUNDS:
            changes[name] = _number(name, value, *_BOUNDS[name], violations)
        elif name in {"interference", "priming"}:
            changes[name] = value
            if not isinstance(value, bool):
                violations.append(f"{name} is {value!r}; it must be True or False")
        else:
            known = ", ".join(SettingArguments.__annotations__)
            violations.append(f"there is no setting {name!r}; there are {known}")
    if violations:
        raise InvalidRequest(*violations)
    return changes


def _model(value: object, violations: list[str]) -> object:
    if value not in FORGETTING_MODELS:
        known = ", ".join(FORGETTING_MODELS)
        violations.append(f"forgetting {value!r} is not one of {known}")
    return value


def _number(name: str, value: object, least: float, most: float, violations: list[str]) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and least <= value <= most:  # type: ignore[arg-type, operator]
        return float(value)  # type: ignore[arg-type]
    violations.append(f"{name} is {value!r}; it must be a number from {least:g} to {most:g}")
    return 0.0


def _weights(value: object, violations: list[str]) -> tuple[float, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != len(_LEAST):
        violations.append(f"weights must be the {len(_LEAST)} numbers w0 to w20 of FSRS-6")
        return ()
    triples = zip(value, _LEAST, _MOST, strict=True)
    return tuple(
        _number(f"weights[{n}]", each, least, most, violations)
        for n, (each, least, most) in enumerate(triples)
    )
