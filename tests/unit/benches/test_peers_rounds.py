from __future__ import annotations

import pytest

from benches.peers import rounds, table
from benches.peers.cases import Case
from benches.peers.rounds import Row, Speed


def row(ratios: dict[str, float], **more: float | tuple[str, ...] | None) -> Row:
    """Return a row in which each contender takes `ratio` times as long as Engram."""
    speeds = {name: Speed(10 * ratio, ratio, ratio, ratio) for name, ratio in ratios.items()}
    fields = {"rivals": (), "goal": None, "floor_goal": None, "limit_us": None, **more}
    return Row("work", 9, speeds, notes={}, **fields)  # type: ignore[arg-type]


def test_the_best_peer_is_the_fastest_and_neither_engram_nor_the_floor() -> None:
    assert row({"engram": 1, "floor": 0.9, "slow": 3, "fast": 1.5}).best_peer == "fast"


def test_a_goal_is_about_its_rivals_only() -> None:
    measured = row({"engram": 1, "numpy": 1.1, "faiss": 6.5}, goal=6.0, rivals=("faiss",))
    assert measured.is_reached is True


def test_a_row_without_a_goal_is_neither_reached_nor_missed() -> None:
    assert row({"engram": 1, "numpy": 0.5}).is_reached is None


@pytest.mark.parametrize(("share", "verdict"), [(0.91, True), (0.89, False)])
def test_the_share_of_the_floor_is_part_of_the_goal(share: float, verdict: bool) -> None:
    measured = row({"engram": 1, "numpy": 2, "floor": share}, goal=1.4, floor_goal=0.9)
    assert measured.is_reached is verdict


def test_a_call_that_takes_too_long_misses_its_limit() -> None:
    assert row({"engram": 1}, limit_us=10.0).is_reached is True
    assert row({"engram": 1}, limit_us=9.9).is_reached is False


def test_every_contender_is_called_in_every_round() -> None:
    called = {"engram": 0, "peer": 0, "floor": 0}

    def count(name: str) -> None:
        called[name] += 1

    case = Case(
        "work",
        lambda: count("engram"),
        {"peer": lambda: count("peer")},
        floor=lambda: count("floor"),
        budget_s=0.0,
    )
    measured = rounds.measure(case, quick=True)
    assert set(measured.speeds) == set(called)
    assert min(called.values()) >= measured.rounds


def test_a_page_names_work_peer_goal_and_verdict() -> None:
    text = table.markdown([row({"engram": 1, "numpy": 0.5}, goal=2.0)])
    assert "| work |" in text
    assert "2 x numpy" in text
    assert "NO" in text
