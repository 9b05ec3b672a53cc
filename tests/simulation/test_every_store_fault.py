from __future__ import annotations

import anyio
import pytest

from engram.testing.store_script import SEED, ScriptedHistory
from engram.wiring import open_store
from tests.simulation.prove_histories import tell

FAULTS = ("EIO", "ENOSPC", "short", "power")
SHARE = 16
TOLD = 100


async def _calls_of_story() -> int:
    history = ScriptedHistory(SEED, open_store)
    calls = await history.tell(None, 0, keep_all=True)
    await history.look_after()
    assert min(history.facts["memories"], len(history.digests)) > 8
    names = history.filesystem.list("default/warm") + history.filesystem.list("default/cold")
    assert len(names) > 1
    return calls


async def _fail_each(fault: str, first: int, step: int) -> int:
    """Fail every `step`-th call, one at a time; return how many times that was."""
    numbers = range(first, await _calls_of_story() + 1, step)
    for number in numbers:
        history = ScriptedHistory(SEED, open_store)
        try:
            await history.tell(fault, number, keep_all=number % 3 == 0)
            await history.look_after()
        except Exception as error:
            error.add_note(f"{fault} at call {number}")
            raise
        if not number % TOLD:
            tell(f"{fault} at call {number} of {numbers.stop - 1}: every promise is kept")
    return len(numbers)


async def _lie_at_each(first: int, step: int) -> int:
    """Let every `step`-th call lie if it is a sync; return how often the space refused."""
    refused = 0
    for number in range(first, await _calls_of_story() + 1, step):
        history = ScriptedHistory(SEED, open_store)
        try:
            await history.tell("lie", number, keep_all=False)
            refused += await history.look_after_lie()
        except Exception as error:
            error.add_note(f"lie at call {number}")
            raise
        if not number % TOLD:
            tell(f"lie at call {number}: {refused} refused so far")
    return refused


@pytest.mark.parametrize("fault", FAULTS)
def test_one_call_in_sixteen_that_fails_breaks_no_promise_of_a_store(fault: str) -> None:
    """Each fault takes other calls; `make prove` takes all of them with each."""
    assert anyio.run(_fail_each, fault, 1 + FAULTS.index(fault), SHARE) > 10


def test_after_a_sync_that_lied_a_store_shows_a_state_it_had_or_refuses() -> None:
    anyio.run(_lie_at_each, 5, SHARE)


@pytest.mark.prove
@pytest.mark.parametrize("fault", FAULTS)
def test_no_call_that_fails_breaks_a_promise_of_a_store(fault: str) -> None:
    assert anyio.run(_fail_each, fault, 1, 1) > 10 * SHARE


@pytest.mark.prove
def test_after_any_sync_that_lied_a_store_shows_a_state_it_had_or_refuses() -> None:
    assert anyio.run(_lie_at_each, 1, 1) > 0
