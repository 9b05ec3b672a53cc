"""The experiments of memory research that every release passes, through the public API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engram.edges.cli.psychology.commands import NAMES
from engram.edges.cli.psychology.experiments import EXPERIMENTS, OF_MEANING, outcomes
from engram.edges.cli.psychology.judged_cues import SETS, Judged, half_remembered
from engram.edges.cli.psychology.laboratory import LaboratoryClock, settings_of
from engram.edges.cli.psychology.outcome import Outcome
from engram.edges.cli.psychology.word_lists import LISTS
from engram.wiring import open_store

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run once: what comes out does not depend on the event loop, and takes seconds."""
    return str(request.param)


async def run(name: str, path: Path) -> Outcome:
    clock = LaboratoryClock()
    found: list[Outcome] = []
    settings = settings_of(str(path), meaning=name in OF_MEANING)
    store = open_store(settings=settings, clock=clock)
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


async def test_what_a_list_is_about_is_remembered_as_if_it_had_been_on_it(tmp_path: Path) -> None:
    """Which lists do it most is not as published, and shown."""
    outcome = await run("drm", tmp_path)
    far_above, not_above, order = outcome.claims
    assert far_above.comes_out, far_above.measured
    assert not_above.comes_out, not_above.measured
    assert "king" in order.measured


async def test_the_likelier_a_recall_holds_a_memory_the_more_often_it_is_right(
    tmp_path: Path,
) -> None:
    """Where a cue asks for one memory, it is right as often as it says; for lists it is shown."""
    outcome = await run("calibration", tmp_path)
    passages, sentences, lists, order = outcome.claims
    assert passages.comes_out, passages.measured
    assert sentences.comes_out, sentences.measured
    assert "expected error" in lists.measured
    assert order.comes_out, order.measured
    assert len(outcome.chart.lines[0].points) > 5


@pytest.mark.parametrize("make", SETS)
def test_every_cue_asks_for_something_that_is_stored(make: Callable[[], Judged]) -> None:
    judged = make()
    stored = {memory["content"] for memory in judged.memories}
    for cue, right in judged.asked:
        assert cue
        assert right <= stored
        assert cue not in right


def test_of_half_remembered_words_every_fifth_is_of_another_passage() -> None:
    judged = half_remembered()
    words = [(word, passage.lower()) for cue, (passage,) in judged.asked for word in cue.split()]
    missing = sum(word not in passage for word, passage in words)
    assert 0.1 < missing / len(words) <= 0.2


def test_every_list_has_fifteen_words_and_is_about_none_of_them() -> None:
    assert len(LISTS) == 36
    for lure, words in LISTS.items():
        assert len(set(words)) == 15
        assert lure not in words


async def test_the_same_experiment_comes_out_the_same(tmp_path: Path) -> None:
    assert await run("fan", tmp_path / "one") == await run("fan", tmp_path / "two")


def test_every_experiment_can_be_named() -> None:
    assert list(EXPERIMENTS) == list(NAMES)
