"""The experiments of memory research that every release passes, through the public API."""

from __future__ import annotations

from pathlib import Path

import pytest

from engram.edges.cli.psychology.commands import NAMES
from engram.edges.cli.psychology.experiments import EXPERIMENTS, outcomes
from engram.edges.cli.psychology.laboratory import LaboratoryClock, settings_of
from engram.edges.cli.psychology.outcome import Outcome
from engram.wiring import open_store

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run once: what comes out does not depend on the event loop, and takes seconds."""
    return str(request.param)


async def run(name: str, path: Path) -> Outcome:
    clock = LaboratoryClock()
    found: list[Outcome] = []
    store = open_store(settings=settings_of(str(path)), clock=clock)
    await outcomes(store, clock, [name], found.append)
    (outcome,) = found
    return outcome


def missed(outcome: Outcome) -> list[str]:
    """Return what was measured where it does not come out as published."""
    return [claim.measured for claim in outcome.claims if not claim.comes_out]


@pytest.mark.parametrize("name", ["forgetting", "stability", "fan", "interference"])
async def test_it_comes_out_as_published(name: str, tmp_path: Path) -> None:
    outcome = await run(name, tmp_path)
    assert missed(outcome) == []
    assert len(outcome.claims) > 1


async def test_spaced_sessions_beat_massed_ones_at_a_week_and_more(tmp_path: Path) -> None:
    """After a day both leave nearly everything, and the gain is less than published."""
    outcome = await run("spacing", tmp_path)
    after_a_day, *others = outcome.claims
    assert [claim.measured for claim in others if not claim.comes_out] == []
    assert "after 1 d" in after_a_day.measured
    for line in outcome.chart.lines:
        massed, *spaced = [point.y for point in line.points]
        assert max(spaced) > massed


async def test_the_same_experiment_comes_out_the_same(tmp_path: Path) -> None:
    assert await run("fan", tmp_path / "one") == await run("fan", tmp_path / "two")


def test_every_experiment_can_be_named() -> None:
    assert list(EXPERIMENTS) == list(NAMES)
