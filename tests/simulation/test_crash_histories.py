from __future__ import annotations

import pytest

from engram.testing.histories import run_crash_histories
from tests.simulation.prove_histories import prove, seeds_that_failed

HISTORIES = 2_000
HISTORIES_LONG = 975_000


def test_what_was_acknowledged_survives_two_thousand_crash_histories() -> None:
    seeds = [*seeds_that_failed("log"), *range(HISTORIES)]
    assert run_crash_histories(seeds) > 10 * HISTORIES


@pytest.mark.prove
def test_what_was_acknowledged_survives_near_a_million_crash_histories() -> None:
    """With the 25,000 of whole stores these make a million."""
    facts = prove("log", 0, HISTORIES_LONG)
    assert facts["histories"] == HISTORIES_LONG
    assert facts["records"] > 10 * HISTORIES_LONG
