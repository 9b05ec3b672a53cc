"""What only looks: for words, for episodes in order, for labels, for how sure a recall is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio
SEARCH = "/api/v1/memories/search"
REPLAY = "/api/v1/episodes/replay"
PROBABLE = "/api/v1/query/probabilistic"
LABELS = "/api/v1/labels"


async def test_a_search_finds_words_under_filters_and_accesses_nothing(http: Caller) -> None:
    """What has the words and passes the filter, though a tag leads to more; counts stay 0."""
    kept = await http.remembered("the kettle is blue", tags=["kitchen"])
    await http.remembered("the kettle is old", tags=["attic"])
    await http.remembered("tea at five", tags=["kitchen"])
    answer = await http("GET", f"{SEARCH}?query=kettles&tags_all=kitchen&explain=true")
    (hit,) = answer.json()["recollections"]
    assert (answer.status_code, hit["memory"]["id"]) == (200, kept)
    assert (hit["matched_terms"], hit["parts"]["activation"]) == (["kettles"], 0)
    assert (await http("GET", f"/api/v1/memories/{kept}")).json()["access_count"] == 0
    assert answer.json()["query_analysis"]["has_vector"] is False


async def test_a_search_without_words_is_refused(http: Caller) -> None:
    """Both when the parameter is missing and when it is empty."""
    for query in ("", "?query=", "?query=+"):
        answer = await http("GET", f"{SEARCH}{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


async def test_episodes_are_replayed_in_the_order_they_happened(http: Caller) -> None:
    """Page by page, within the range, whatever was told first; no other kinds of memory."""
    for day in (3, 1, 5, 2, 4):
        when = f"2026-01-0{day}T00:00:00Z"
        await http("POST", "/api/v1/episodes/remember", {"what": f"day {day}", "when": when})
    await http.remembered("a fact", kind="semantic", occurred_at="2026-01-02T12:00:00Z")
    range_ = "occurred_after=2026-01-02T00:00:00Z&occurred_before=2026-01-05T00:00:00Z"
    told: list[str] = []
    cursor = ""
    while True:
        page = (await http("GET", f"{REPLAY}?limit=2&{range_}{cursor}")).json()
        assert page["total"] == 3
        told += [each["content"] for each in page["memories"]]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    assert told == ["day 2", "day 3", "day 4"]
    wrong = await http("GET", f"{REPLAY}?cursor=nothing")
    assert (wrong.status_code, "cursor" in wrong.json()["detail"]) == (400, True)


async def test_labels_are_counted(http: Caller) -> None:
    """Those of most memories first, of the field and prefix that were asked for."""
    await http.remembered("a", tags=["red", "blue"], entities=["Ada"])
    await http.remembered("b", tags=["red"])
    found = (await http("GET", LABELS)).json()
    expected = [{"label": "red", "memories": 2}, {"label": "blue", "memories": 1}]
    assert found == {"labels": expected}
    assert (await http("GET", f"{LABELS}?field=entity&prefix=a")).json()["labels"] == [
        {"label": "Ada", "memories": 1}
    ]
    assert (await http("GET", f"{LABELS}?field=colour")).status_code == 400


async def test_an_answer_says_how_sure_it_is_on_what_evidence_and_what_makes_it_unsure(
    http: Caller,
) -> None:
    """Doubt of the memory, of the words and of the way are told apart; nothing is accessed."""
    first = await http.remembered("Ada met Babbage", confidence=0.5)
    second = await http.remembered("tea in London")
    body = {"target_id": second, "weight": 0.4}
    await http("POST", f"/api/v1/memories/{first}/associations", body)
    answer = (await http("GET", f"{PROBABLE}?query=Babbage+zeppelin")).json()
    told = {each["memory"]["id"]: each for each in answer["memories"]}
    assert set(told) == {first, second}
    assert answer["evidence"] == [first, second]
    assert told[second]["evidence"] == [second, first]
    assert _amounts(told[first])["memory"] == 0.5
    assert _amounts(told[second])["ways"] == pytest.approx(1 - 0.4 * 0.70469, abs=1e-4)
    assert "memory" not in _amounts(told[second])
    assert _amounts(answer) == {"no_vector": 1.0, "unknown_words": 0.5}
    low, high = answer["confidence_interval"]
    assert 0 < low <= answer["confidence"] <= high <= 1
    assert (await http("GET", f"/api/v1/memories/{first}")).json()["access_count"] == 0


async def test_nothing_found_says_why_and_stands_on_nothing(http: Caller) -> None:
    """No memory, no evidence, a note."""
    await http.remembered("tea")
    answer = (await http("GET", f"{PROBABLE}?query=zeppelin")).json()
    assert (answer["memories"], answer["evidence"], answer["confidence"]) == ([], [], 0)
    assert "none shares a word" in answer["note"]


def _amounts(value: dict[str, Any]) -> dict[str, float]:
    return {each["source"]: each["amount"] for each in value["uncertainty"]}
