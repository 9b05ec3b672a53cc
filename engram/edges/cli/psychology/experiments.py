"""The experiments in their order, and how to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from engram.edges.cli.psychology.calibration import calibration
from engram.edges.cli.psychology.false_memory import false_memory
from engram.edges.cli.psychology.fan_effect import fan_effect
from engram.edges.cli.psychology.forgetting_curve import forgetting_curve
from engram.edges.cli.psychology.interference import interference
from engram.edges.cli.psychology.laboratory import Laboratory
from engram.edges.cli.psychology.spacing import spacing
from engram.edges.cli.psychology.stability import stability

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from engram.edges.cli.psychology.laboratory import LaboratoryClock
    from engram.edges.cli.psychology.outcome import Experiment, Outcome
    from engram.service.store import Engram

EXPERIMENTS: Final[dict[str, Experiment]] = {
    "forgetting": forgetting_curve,
    "stability": stability,
    "spacing": spacing,
    "fan": fan_effect,
    "interference": interference,
    "drm": false_memory,
    "calibration": calibration,
}
OF_MEANING: Final = frozenset(("drm", "calibration"))
"""Those whose words must mean something."""


async def outcomes(
    opened: AbstractAsyncContextManager[Engram],
    clock: LaboratoryClock,
    names: Iterable[str],
    told: Callable[[Outcome], None],
) -> None:
    """Run experiments in an empty store whose clock is `clock`; `told` gets each outcome."""
    async with opened as store:
        laboratory = Laboratory(store, clock)
        try:
            for name in names:
                told(await EXPERIMENTS[name](laboratory))
        finally:
            clock.release()
