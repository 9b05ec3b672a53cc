"""Anderson 1974: the more facts a person and a place are in, the slower each is recognized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.edges.cli.psychology.laboratory import MINUTE
from engram.edges.cli.psychology.outcome import (
    Chart,
    Claim,
    Line,
    Outcome,
    Point,
    correlation,
    fitted,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.edges.cli.psychology.laboratory import Laboratory

Cell = tuple[int, int]

# Seconds to recognize a fact, by the number of facts that its person and its place are in: cells
# (person, place) of the experiment as the tutorial of ACT-R (unit 5) gives them.
PUBLISHED: Final = {
    (1, 1): 1.11, (1, 2): 1.17, (1, 3): 1.15,
    (2, 1): 1.17, (2, 2): 1.20, (2, 3): 1.23,
    (3, 1): 1.22, (3, 2): 1.22, (3, 3): 1.36,
}  # fmt: skip
# Facts such that each cell has one at least.
FACTS: Final = (
    ("hippie", "park"), ("hippie", "church"), ("hippie", "bank"),
    ("captain", "park"), ("captain", "cave"), ("debutante", "bank"),
    ("fireman", "park"), ("giant", "beach"), ("giant", "castle"),
    ("giant", "dungeon"), ("earl", "castle"), ("earl", "forest"),
    ("lawyer", "store"),
)  # fmt: skip
_CORRELATION_MIN: Final = 0.8
# The scale is fitted on every other cell and predicts those between.
_FITTED: Final = ((1, 1), (1, 3), (2, 2), (3, 1), (3, 3))


async def fan_effect(laboratory: Laboratory) -> Outcome:
    """Learn thirteen facts, ask for each by its person and its place, and look at activation."""
    activations = await _activations(laboratory)
    # ACT: the time to recognize goes as the inverse of activation (Anderson 1974).
    inverse = {cell: 1 / activation for cell, activation in activations.items()}
    others = [cell for cell in PUBLISHED if cell not in _FITTED]
    start, slope = fitted(
        [inverse[cell] for cell in _FITTED], [PUBLISHED[cell] for cell in _FITTED]
    )
    predicted = {cell: start + slope * inverse[cell] for cell in PUBLISHED}
    r = correlation([predicted[cell] for cell in others], [PUBLISHED[cell] for cell in others])
    r_all = correlation([predicted[cell] for cell in PUBLISHED], list(PUBLISHED.values()))
    falls = all(
        activations[person, place] < activations[fewer]
        for person, place in PUBLISHED
        for fewer in ((person - 1, place), (person, place - 1))
        if fewer in PUBLISHED
    )
    low, high = activations[1, 1], activations[3, 3]
    return Outcome(
        name="fan effect",
        source="Anderson 1974",
        claims=(
            Claim(
                f"r {r:.2f} on the half not fitted, {r_all:.2f} on all, slope {slope:.3f}",
                f"r at least {_CORRELATION_MIN} with one scale above 0",
                r >= _CORRELATION_MIN and slope > 0,
            ),
            Claim(
                f"activation {low:.3f} at fan 1-1, {high:.3f} at 3-3",
                "falls with each fan",
                falls,
            ),
        ),
        chart=Chart(
            "seconds to recognize, as published",
            "seconds, by the scale",
            (
                _line("cells the scale is fitted on", predicted, _FITTED),
                _line("cells it predicts", predicted, others),
                Line(
                    "Anderson 1974",
                    tuple(Point(seconds, seconds) for seconds in PUBLISHED.values()),
                    is_published=True,
                ),
            ),
        ),
    )


def _line(label: str, predicted: dict[Cell, float], cells: Sequence[Cell]) -> Line:
    points = tuple(Point(PUBLISHED[cell], predicted[cell]) for cell in cells)
    return Line(label, points, is_connected=False)


async def _activations(laboratory: Laboratory) -> dict[Cell, float]:
    """Return the mean activation of the facts of each cell."""
    space = await laboratory.space()
    persons = list(dict.fromkeys(person for person, _ in FACTS))
    places = list(dict.fromkeys(place for _, place in FACTS))
    known = {
        name: (await space.remember(f"the {name}", kind="concept", entities=[name])).id
        for name in (*persons, *places)
    }
    facts = {}
    for person, place in FACTS:
        text = f"the {person} is in the {place}"
        facts[person, place] = (await space.remember(text, entities=[person, place])).id
        laboratory.wait(MINUTE)
    cells: dict[Cell, list[float]] = {}
    for (person, place), fact in facts.items():
        cue = [known[person], known[place]]
        found = await space.recall(memory_ids=cue, mode="spreading", limit=50, reinforce=False)
        (activation,) = (hit.parts["activation"] for hit in found if hit.memory.id == fact)
        fans = (
            sum(person == each for each, _ in FACTS),
            sum(place == each for _, each in FACTS),
        )
        cells.setdefault(fans, []).append(activation)
    return {fans: sum(values) / len(values) for fans, values in cells.items()}
