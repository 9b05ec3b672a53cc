from __future__ import annotations

import pytest

from engram.testing.thinking_histories import SHARE
from tests.simulation.prove_histories import (
    prove,
    run_crowd_histories,
    run_store_histories,
    run_upkeep_histories,
    seeds_that_failed,
)

HISTORIES = 80
HISTORIES_LONG = 20_000
UPKEEP_HISTORIES = 24
UPKEEP_HISTORIES_LONG = 5_000
CROWD_HISTORIES = 8
CROWD_HISTORIES_LONG = 2_000


def test_a_store_keeps_what_it_acknowledged_through_its_histories() -> None:
    facts = run_store_histories([*seeds_that_failed("store"), *range(HISTORIES)])
    assert facts["memories"] > 10 * HISTORIES
    assert min(facts["moves"], facts["moments"]) > HISTORIES
    assert min(facts["cold"], facts["snapshots"], facts["trims"]) > HISTORIES // 4
    assert facts["concepts"] > HISTORIES // SHARE


def test_the_same_seed_is_the_same_history() -> None:
    """To the last call on the disk: `calls` is among what is compared."""
    assert run_store_histories(range(5)) == run_store_histories(range(5))


def test_a_store_keeps_its_promises_while_operators_are_at_work() -> None:
    """They erase, compact, convert, back up while writes go on, and restore."""
    facts = run_upkeep_histories([*seeds_that_failed("upkeep"), *range(UPKEEP_HISTORIES)])
    assert min(facts["backups"], facts["erased"], facts["reembedded"]) > UPKEEP_HISTORIES // 4
    assert facts["compacted"]


def test_the_same_seed_is_the_same_history_with_operators_too() -> None:
    assert run_upkeep_histories(range(3)) == run_upkeep_histories(range(3))


def test_crowds_of_writers_keep_what_was_acknowledged_while_two_groups_are_on_their_way() -> None:
    facts = run_crowd_histories([*seeds_that_failed("crowd"), *range(CROWD_HISTORIES)])
    assert min(facts["ahead"], facts["gathered"]) > CROWD_HISTORIES
    assert facts["memories"] > 20 * CROWD_HISTORIES


@pytest.mark.prove
def test_crowds_of_writers_keep_what_was_acknowledged_in_thousands_of_histories() -> None:
    facts = prove("crowd", 0, CROWD_HISTORIES_LONG)
    assert min(facts["ahead"], facts["gathered"]) > CROWD_HISTORIES_LONG


@pytest.mark.prove
def test_a_store_keeps_its_promises_through_thousands_of_histories_with_operators() -> None:
    facts = prove("upkeep", 0, UPKEEP_HISTORIES_LONG)
    assert facts["histories"] == UPKEEP_HISTORIES_LONG
    assert min(facts["backups"], facts["erased"]) > UPKEEP_HISTORIES_LONG // 4


@pytest.mark.prove
def test_a_store_keeps_what_it_acknowledged_through_twenty_thousand_histories() -> None:
    facts = prove("store", 0, HISTORIES_LONG)
    assert facts["histories"] == HISTORIES_LONG
    assert min(facts["moves"], facts["memories"]) > HISTORIES_LONG
