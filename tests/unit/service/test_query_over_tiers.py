"""Conditions on bodies hold for those on disk as well, and a search for them can be stopped."""

from __future__ import annotations

from typing import Final

import anyio
import anyio.to_thread
import numpy as np
import pytest

from engram.kernels.cancel import CancelFlag
from engram.model.capacities import Capacities
from engram.model.conditions import Contains, Matches
from engram.model.cue import Filters
from engram.model.errors import KernelCancelled
from engram.testing.store_insides import engine_of
from engram.testing.stores import simulated_store

pytestmark = pytest.mark.anyio

SMALL: Final = Capacities(hot=100, warm=150, cold=5_000, segment=50)
COUNT: Final = 600


async def test_conditions_are_judged_in_every_tier() -> None:
    vectors = np.random.default_rng(3).standard_normal((COUNT, 16), np.float32)
    async with simulated_store(capacities=SMALL) as db:
        space = await db.space()
        for first in range(0, COUNT, 60):
            await space.remember_many(
                [
                    {
                        "content": f"n{row} {'red' if row % 37 == 5 else 'blue'}",
                        "metadata": {"row": row},
                        "episode": {"what": f"what{row}", "where": "here"},
                    }
                    for row in range(first, first + 60)
                ],
                embeddings=vectors[first : first + 60],
            )
        with anyio.fail_after(30):
            while (await space.stats()).hot > 150:
                await anyio.to_thread.run_sync(lambda: None)
        red = [row for row in range(COUNT) if row % 37 == 5]
        for condition in ('content CONTAINS "RED"', 'content MATCHES "n* red"',
                          "metadata.row IN ($rows) AND content CONTAINS 'n'"):  # fmt: skip
            given = {"rows": red} if "$rows" in condition else {}
            statement = f"RECALL 'red blue' WHERE {condition} ORDER BY created LIMIT 1000"
            explained = await space.query(f"EXPLAIN {statement}", given)
            assert explained.plan is not None
            answer = await space.query(statement, given)
            assert [int(row["content"].split()[0][1:]) for row in answer] == red
        found = await space.complete(what="what5")
        assert found[0]["where"].value == "here"


@pytest.mark.parametrize("condition", [Contains("x"), Matches("*x*")])
async def test_who_waits_no_longer_stops_the_search_for_texts(
    condition: Contains | Matches,
) -> None:
    async with simulated_store() as db:
        space = await db.space()
        await space.remember("an x")
        engine, stop = engine_of(db, "default"), CancelFlag()
        assert engine is not None
        masks = engine.row_masks(engine.view, Filters(where=condition), 0, stop.check)
        assert masks.candidates == 1
        stop.set()
        with pytest.raises(KernelCancelled):
            engine.row_masks(engine.view, Filters(where=condition), 0, stop.check)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("a*", "Abc", True),
        ("a*", "ba", False),
        ("*b", "aB", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a*b*c", "a-b-b-c", True),
        ("*b*b*", "abcb", True),
        ("*b*b*", "abc", False),
        ("a.c", "abc", False),
        (r"\*a\?", "*a?", True),
        (r"\*a\?", "xa?", False),
        (r"a\\b", r"a\b", True),
        ("a*c", "a\nb\nc", True),
        ("abc", "abcd", False),
        ("*", "", True),
        ("[ab]", "[ab]", True),
    ],
)
def test_a_pattern_is_like_a_whole_text(pattern: str, text: str, *, matches: bool) -> None:
    from engram.retrieval.conditions import pattern_of  # noqa: PLC0415 - of this test alone

    assert (pattern_of(pattern).match(text) is not None) is matches


def test_no_pattern_takes_longer_the_more_runs_it_has() -> None:
    """What makes a regular expression go back for ever is tried once."""
    from engram.retrieval.conditions import pattern_of  # noqa: PLC0415 - as above

    assert pattern_of("*a" * 200 + "*b").match("a" * 50_000) is None
