"""How well episodes are completed that are not stored, from those of the same people that are.

The world is made up, from one seed: people with a few routines each, whose episodes differ from the
routine in one field of ten. Nobody says how sure an answer ought to be: that is what is measured.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pytest

import engram.sync
from engram.model.completion import EPISODE_FIELDS, GIVEN

ROUTINES, STORED, HELD_OUT = 3, 1_200, 150
NOISE: Final = 0.1
BINS: Final = 10
POOLS: Final[dict[str, list[Any]]] = {
    "who": [(f"Person{number}",) for number in range(40)],
    **{field: [f"{field}-{n}" for n in range(20)] for field in ("what", "where", "why", "how")},
}


class Outcome(NamedTuple):
    """Of all fields that were missing: F1 of what was said, and how far confidence was off."""

    f1: float
    calibration_error: float


def episode(rng: random.Random, routine: dict[str, Any]) -> dict[str, Any]:
    """Return an episode of a routine, in which now and then a field is another one."""
    found = dict(routine)
    for field, pool in POOLS.items():
        if rng.random() < NOISE:
            found[field] = rng.choice(pool)
    return found


def world() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return episodes to be stored, and others of the same routines."""
    rng = random.Random(11)  # noqa: S311 - repeatable is the point
    routines = [
        {"who": name} | {field: rng.choice(POOLS[field]) for field in POOLS if field != "who"}
        for name in POOLS["who"]
        for _ in range(ROUTINES)
    ]
    every = [episode(rng, rng.choice(routines)) for _ in range(STORED + HELD_OUT)]
    return every[:STORED], every[STORED:]


def measured(space: engram.sync.Space, held_out: list[dict[str, Any]], share: float) -> Outcome:
    """Complete each episode without a share of its fields; one at least is given."""
    rng = random.Random(round(share * 100))  # noqa: S311 - as above
    said: list[tuple[float, bool]] = []
    missing_count = 0
    for each in held_out:
        count = min(4, max(1, round(share * len(EPISODE_FIELDS) + rng.random() - 0.5)))
        missing = rng.sample(EPISODE_FIELDS, count)
        given = {field: value for field, value in each.items() if field not in missing}
        missing_count += len(missing)
        found = space.complete(**given, limit=1)
        for field, one in found[0].fields.items() if len(found) else ():
            if one.source != GIVEN:
                said.append((one.confidence, one.value == each[field]))
    right = sum(is_right for _, is_right in said)
    precision, recall = right / len(said), right / missing_count
    return Outcome(2 * precision * recall / (precision + recall), expected_error(said))


def expected_error(said: list[tuple[float, bool]]) -> float:
    """Return the expected calibration error: stated confidence against how often it was right."""
    sure = np.array([confidence for confidence, _ in said])
    right = np.array([is_right for _, is_right in said], float)
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    parts = [
        abs(sure[bins == number].mean() - right[bins == number].mean()) * (bins == number).sum()
        for number in range(BINS)
        if (bins == number).any()
    ]
    return float(sum(parts) / len(said))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Outcome]:
    """Return what came out with 30, 50 and 70 % of the fields missing."""
    place: Path = tmp_path_factory.mktemp("episodes")
    stored, held_out = world()
    with engram.sync.open(place, embedder=None) as db:
        space = db.space()
        items: list[Any] = [
            {"content": f"episode {number}", "episode": each} for number, each in enumerate(stored)
        ]
        space.remember_many(items)
        return {missing: measured(space, held_out, missing / 100) for missing in (30, 50, 70)}


@pytest.mark.parametrize(("missing", "least"), [(30, 0.8), (50, 0.6), (70, 0.4)])
def test_missing_fields_are_found(outcomes: dict[int, Outcome], missing: int, least: float) -> None:
    assert outcomes[missing].f1 > least, outcomes


@pytest.mark.parametrize("missing", [30, 50, 70])
def test_stated_confidence_is_about_right(outcomes: dict[int, Outcome], missing: int) -> None:
    assert outcomes[missing].calibration_error < 0.15, outcomes
