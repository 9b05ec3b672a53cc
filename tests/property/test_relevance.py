"""Relevance is a probability that rises with every part of a score and falls with the rank."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from engram.model.memory import Memory
from engram.model.recollection import Recollection
from engram.model.relevance import DOUBT, FADING, Grounds, Standing, grounds_of, relevance

SHARES = st.floats(0.0, 1.0)
RANKS = st.integers(0, 1_000)
GROUNDS = st.builds(Grounds, SHARES, SHARES, SHARES, RANKS)
STANDINGS = st.builds(Standing, SHARES, SHARES, SHARES, RANKS)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MEMORY = Memory("1", "s", "tea", "episodic", 1.0, NOON, NOON)
FRESH = {"retrievability": 1.0, "confidence": 1.0}


@given(GROUNDS)
def test_it_is_a_probability(grounds: Grounds) -> None:
    assert 0.0 < relevance(grounds) < 1.0


@given(SHARES, STANDINGS, SHARES, SHARES)
def test_that_of_a_recollection_is_computed_from_its_grounds(
    score: float, standing: Standing, retrievability: float, confidence: float
) -> None:
    parts = {"retrievability": retrievability, "confidence": confidence}
    hit = Recollection(MEMORY, score, parts, **standing._asdict())
    assert hit.relevance == relevance(hit.grounds)


@given(GROUNDS, SHARES, st.sampled_from(("common", "likeness", "lead")))
def test_more_of_a_part_is_never_less_likely(grounds: Grounds, other: float, part: str) -> None:
    low, high = sorted((getattr(grounds, part), other))
    less, more = grounds._replace(**{part: low}), grounds._replace(**{part: high})
    assert relevance(less) <= relevance(more)


@given(GROUNDS, RANKS)
def test_a_lower_place_is_never_likelier(grounds: Grounds, other: int) -> None:
    near, far = sorted((grounds.rank, other))
    assert relevance(grounds._replace(rank=near)) >= relevance(grounds._replace(rank=far))


@given(SHARES, STANDINGS, st.floats(0.0, 1.0), st.sampled_from(("meaning", "words")))
def test_more_in_common_with_the_cue_is_never_less_likely(
    score: float, standing: Standing, other: float, part: str
) -> None:
    low, high = sorted((getattr(standing, part), other))
    less, more = (
        relevance(grounds_of(score, FRESH, standing._replace(**{part: share})))
        for share in (low, high)
    )
    assert less <= more + 1e-12


@given(SHARES, STANDINGS, SHARES, SHARES)
def test_what_time_and_doubt_took_from_a_score_is_given_back(
    score: float, standing: Standing, retrievability: float, confidence: float
) -> None:
    left = (1.0 - FADING * (1.0 - retrievability)) * (1.0 - DOUBT * (1.0 - confidence))
    faded = grounds_of(
        score * left,
        {"retrievability": retrievability, "confidence": confidence},
        standing._replace(lead=standing.lead * left),
    )
    fresh = grounds_of(score, FRESH, standing)
    assert abs(relevance(faded) - relevance(fresh)) < 1e-9
