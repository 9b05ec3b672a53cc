"""What a store promised about associations, compared with what it holds after reopening."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.model.association import AUTOMATIC
from engram.model.errors import check
from engram.model.ids import format_id
from engram.state.digest_edges import edges_living

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from engram.service.space import Space
    from engram.state.space import View

    Ends = tuple[str, str]

WEIGHTS: Final = (0.25, 0.5, 0.75, 1.0)
ENDED_SHARE: Final = 0.3
_HALVES: Final = ("id_high", "id_low")


class EdgeLedger:
    """By space: what callers were told of associations, and what they asked for in vain.

    A weight of 0 stands for an association that was ended.
    """

    def __init__(self) -> None:
        self._kept: dict[str, dict[Ends, float]] = {}
        self._perhaps: dict[str, list[tuple[Ends, float]]] = {}

    async def send(self, space: Space, ids: Sequence[str], chance: random.Random) -> None:
        """Associate two of at least two memories, or end what leads from one to the other."""
        source, target = chance.sample(ids, 2)
        ends, kept = (source, target), self._kept.setdefault(space.id, {})
        ending = ends in kept and chance.random() < ENDED_SHARE
        asked = ends, 0.0 if ending else chance.choice(WEIGHTS)
        self._perhaps.setdefault(space.id, []).append(asked)
        if ending:
            await space.dissociate(source, target, "causal")
            del kept[ends]
        else:
            await space.associate(source, target, "causal", weight=asked[1], why="so it is")
            kept[ends] = asked[1]
        self._perhaps[space.id].remove(asked)

    def drop(self, space_id: str) -> None:
        """Forget what was promised of a space that is gone."""
        self._kept.pop(space_id, None)
        self._perhaps.pop(space_id, None)

    def settle(self, space_id: str, view: View, living: set[str]) -> int:
        """Compare with what a space holds between `living` memories, and take that as promised.

        Returns how many associations there are. Raises InvariantViolated: a promise was broken.
        """
        found, kept = _found(view), self._kept.get(space_id, {})
        perhaps = self._perhaps.pop(space_id, [])
        for ends in {*found, *kept, *(each for each, _ in perhaps)}:
            allowed = {weight for each, weight in perhaps if each == ends}
            allowed.add(kept.get(ends, 0.0))
            if living.issuperset(ends):
                check(found.get(ends, 0.0) in allowed, "an association is lost or made up")
            else:
                check(ends not in found, "an association leads to or from what is gone")
        self._kept[space_id] = found
        return len(found)


def _found(view: View) -> dict[tuple[str, str], float]:
    """Return the weight of each association that a caller made, by the ids it joins."""
    edges, values = edges_living(view), view.associations
    edges = edges[(values.gather("flags", edges) & AUTOMATIC) == 0]
    names = []
    for column in ("source", "target"):
        rows = values.owners_of(values.gather(column, edges))
        halves = [view.gather(name, rows).tolist() if len(rows) else [] for name in _HALVES]
        names.append([format_id(high, low) for high, low in zip(*halves, strict=True)])
    weights = values.gather("weight", edges).astype(np.float64).tolist()
    return dict(zip(zip(*names, strict=True), weights, strict=True))
