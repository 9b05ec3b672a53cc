"""The endpoints of memories, associations and statements do what the library's verbs do."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio
ROOT = "/api/v1/memories"
NOBODY = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"


async def test_what_was_acknowledged_is_recalled_by_the_next_request(http: Caller) -> None:
    """201 says id, LSN, confidence and links; both ways to recall find it."""
    made = await http("POST", f"{ROOT}/remember", {"content": "Ada met Babbage"})
    value = made.json()
    assert (made.status_code, value["created"], value["confidence"], value["links"]) == (
        *(201, True, 1.0),
        0,
    )
    assert value["lsn"] > 0
    for answer in (
        await http("GET", f"{ROOT}/recall?query=who+met+Babbage"),
        await http("POST", f"{ROOT}/recall", {"query": "who met Babbage"}),
    ):
        (hit,) = answer.json()["recollections"]
        assert (answer.status_code, hit["memory"]["id"]) == (200, value["id"])
        assert set(hit["parts"]) >= {"similarity", "lexical", "activation", "retrievability"}
        assert 0 < hit["relevance"] < 1


async def test_every_field_of_a_memory_survives(http: Caller) -> None:
    """What remember is given, get gives back."""
    fields: dict[str, Any] = {
        "content": "the kettle is blue",
        "kind": "semantic",
        "confidence": "medium",
        "occurred_at": "2026-03-14T15:09:00+01:00",
        "tags": ["kitchen"],
        "source": "eyes",
        "session": "monday",
        "metadata": {"page": 3, "deep": {"er": [1, None]}},
        "entities": ["kettle"],
        "priority": 7,
        "expires_at": "2036-01-01T00:00:00Z",
        "episode": {"what": "tea", "who": ["Ada"]},
        "confidence_reason": "saw it",
        "fact_key": "kettle.colour",
        "fact_value": "blue",
    }
    memory_id = await http.remembered(**fields)
    memory = (await http("GET", f"{ROOT}/{memory_id}")).json()
    expected = fields | {
        "confidence": 0.5,
        "confidence_category": "medium",
        "occurred_at": "2026-03-14T14:09:00Z",
    }
    assert {name: memory[name] for name in expected} == expected


async def test_a_vector_is_a_memory_and_a_cue(http: Caller) -> None:
    """The nearest vector comes first, and one of another length is refused."""
    await http("POST", ROOT, {"content": "east", "embedding": [1, 0, 0]})
    await http("POST", ROOT, {"content": "north", "embedding": [0, 1, 0]})
    body = {"embedding": [0.1, 0.9, 0.0], "limit": 1}
    (hit,) = (await http("POST", f"{ROOT}/recall", body)).json()["recollections"]
    assert hit["memory"]["content"] == "north"
    answer = await http("POST", f"{ROOT}/recall", {"embedding": [1.0]})
    assert (answer.status_code, "3" in answer.json()["detail"]) == (400, True)


async def test_a_vector_in_base64_is_that_vector(http: Caller) -> None:
    """It is little-endian float32, in every body that takes a vector; half a number is refused."""
    north = b64encode(np.array([0, 1, 0], "<f4").tobytes()).decode()
    await http("POST", ROOT, {"content": "east", "embedding": [1, 0, 0]})
    await http("POST", f"{ROOT}/batch", {"memories": [{"content": "north", "embedding": north}]})
    for verb, key in (("recall", "recollections"), ("recognize", "nearest")):
        answer = (await http("POST", f"{ROOT}/{verb}", {"embedding": north, "limit": 1})).json()
        assert answer[key][0]["memory"]["content"] == "north"
    cut = b64encode(b"12345").decode()
    answer = await http("POST", ROOT, {"content": "west", "embedding": cut})
    assert (answer.status_code, "5 bytes" in answer.json()["detail"]) == (400, True)
    answer = await http("POST", ROOT, {"content": "west", "embedding": "no vector!"})
    assert answer.status_code == 400


async def test_the_same_key_gets_the_first_answer(http: Caller) -> None:
    """A repeated request stores nothing; another one with its key is a conflict."""
    first = await http("POST", ROOT, {"content": "once"}, Idempotency_Key="k1")
    again = await http("POST", ROOT, {"content": "once"}, Idempotency_Key="k1")
    assert again.json()["id"] == first.json()["id"]
    other = await http("POST", ROOT, {"content": "twice"}, Idempotency_Key="k1")
    assert (other.status_code, other.json()["code"]) == (409, "CONFLICT")
    assert (await http("GET", ROOT)).json()["total"] == 1


async def test_a_key_is_refused_where_it_would_keep_nothing_from_happening_twice(
    http: Caller,
) -> None:
    """Silence would be taken for a promise."""
    answer = await http("POST", "/api/v1/spaces", {"id": "x"}, Idempotency_Key="k")
    assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (400, True)


async def test_a_batch_is_stored_as_a_whole_or_not_at_all(http: Caller) -> None:
    """Ids come in order; one bad item names itself and keeps all from being stored."""
    good = {"memories": [{"content": f"memory {number}"} for number in range(3)]}
    done = (await http("POST", f"{ROOT}/batch", good)).json()
    assert done["created_count"] == 3
    listed = (await http("GET", ROOT)).json()["memories"]
    assert [each["id"] for each in listed] == done["ids"]
    bad = {"memories": [{"content": "fine"}, {"content": "", "tags": [""]}]}
    refused = await http("POST", f"{ROOT}/batch", bad)
    assert (refused.status_code, "item 1" in refused.json()["detail"]) == (400, True)
    assert (await http("GET", ROOT)).json()["total"] == 3


async def test_an_episode_keeps_what_belongs_to_it(http: Caller) -> None:
    """What happened is the text; importance is a priority; the valence is in the metadata."""
    body = {
        "what": "tea with Ada",
        "when": "1843-09-10T16:00:00Z",
        "where": "London",
        "who": ["Ada"],
        "why": "to talk",
        "how": "by coach",
        "importance": 1.0,
        "emotional_valence": 0.5,
    }
    made = await http("POST", "/api/v1/episodes/remember", body)
    assert made.status_code == 201
    memory = (await http("GET", f"{ROOT}/{made.json()['id']}")).json()
    assert (memory["content"], memory["occurred_at"]) == ("tea with Ada", "1843-09-10T16:00:00Z")
    assert memory["episode"]["where"] == "London"
    assert (memory["priority"], memory["metadata"]) == (10, {"emotional_valence": 0.5})
    asked = {"what": "tea with Ada"}
    found = (await http("POST", "/api/v1/complete", asked)).json()["hypotheses"][0]["fields"]
    assert (found["where"]["value"], found["why"]["value"]) == ("London", "to talk")


async def test_listing_pages_through_everything_once(http: Caller) -> None:
    """The cursor leads on, totals are true, filters hold, those on metadata as JSON."""
    for number in range(5):
        await http.remembered(f"memory {number}", metadata={"number": number})
    seen, cursor = [], ""
    while True:
        page = (await http("GET", f"{ROOT}?limit=2{cursor}")).json()
        assert page["total"] == 5
        seen += [each["content"] for each in page["memories"]]
        if page["cursor"] is None:
            break
        cursor = f"&cursor={page['cursor']}"
    assert seen == [f"memory {number}" for number in range(5)]
    found = await http("GET", f'{ROOT}?metadata={{"number": 3}}')
    assert [each["content"] for each in found.json()["memories"]] == ["memory 3"]


async def test_a_correction_takes_the_place_of_a_memory_and_keeps_its_history(
    http: Caller,
) -> None:
    """PATCH changes what it names, null takes a field away, the old id leads to the new one."""
    old = await http.remembered("the kettle is blue", tags=["kitchen"], source="eyes")
    body = {"content": "the kettle is red", "source": None}
    new = (await http("PATCH", f"{ROOT}/{old}", body)).json()["id"]
    memory = (await http("GET", f"{ROOT}/{new}")).json()
    assert (memory["content"], memory["tags"], memory["source"]) == (
        "the kettle is red",
        ["kitchen"],
        None,
    )
    versions = (await http("GET", f"{ROOT}/{new}/history")).json()["versions"]
    assert [each["id"] for each in versions] == [old, new]
    gone = await http("GET", f"{ROOT}/{old}")
    assert (gone.status_code, new in gone.json()["detail"]) == (404, True)
    nothing = await http("PATCH", f"{ROOT}/{new}", {})
    assert (nothing.status_code, "changes nothing" in nothing.json()["detail"]) == (400, True)


@pytest.mark.parametrize("mode", ["suppress", "delete", "erase"])
async def test_a_forgotten_memory_is_in_no_answer(http: Caller, mode: str) -> None:
    """Each mode says what it did; only what is suppressed can be brought back."""
    memory_id = await http.remembered("the kettle is blue")
    done = await http("DELETE", f"{ROOT}/{memory_id}?mode={mode}")
    assert (done.status_code, done.json()["ids"], done.json()["mode"]) == (200, [memory_id], mode)
    assert (done.json()["erased_at"] is not None) == (mode == "erase")
    assert (await http("GET", f"{ROOT}/{memory_id}")).status_code == 404
    assert (await http("GET", f"{ROOT}/recall?query=kettle")).json()["recollections"] == []
    back = await http("POST", f"{ROOT}/{memory_id}/unsuppress", {})
    assert back.status_code == (200 if mode == "suppress" else 404)


async def test_feedback_changes_how_long_a_memory_lasts(http: Caller) -> None:
    """The answer has the new strength; a verdict there is not is refused."""
    memory_id = await http.remembered("the kettle is blue")
    done = await http("POST", f"{ROOT}/{memory_id}/feedback", {"verdict": "useful"})
    assert (done.json()["id"], done.json()["counted"]) == (memory_id, True)
    bad = await http("POST", f"{ROOT}/{memory_id}/feedback", {"verdict": "nice"})
    assert bad.status_code == 400


async def test_associations_are_made_listed_followed_and_ended(http: Caller) -> None:
    """One memory leads to another; spreading, neighbours and paths go that way."""
    first, second = await http.remembered("rain"), await http.remembered("umbrella")
    path = f"{ROOT}/{first}/associations"
    made = await http("POST", path, {"target_id": second, "kind": "causal", "why": "wet"})
    assert (made.status_code, made.json()["created"]) == (201, 1)
    (edge,) = (await http("GET", f"{path}?kinds=causal")).json()["associations"]
    assert (edge["target_id"], edge["why"]) == (second, "wet")
    (near,) = (await http("GET", f"{ROOT}/{first}/neighbours")).json()["neighbours"]
    assert near["memory"]["id"] == second
    spread = await http("POST", "/api/v1/spread", {"memory_ids": [first]})
    assert [each["memory_id"] for each in spread.json()["activations"]] == [second]
    body = {"source_id": first, "target_id": second, "how": "shortest"}
    (way,) = (await http("POST", "/api/v1/path", body)).json()["paths"]
    assert (way["hops"], way["steps"][0]["kind"]) == (1, "causal")
    ended = await http("DELETE", f"{path}?target_id={second}")
    assert ended.json() == {"ended": 1}
    assert (await http("DELETE", f"{path}?target_id={second}")).status_code == 404


async def test_what_shares_a_session_is_linked_when_it_is_acknowledged(http: Caller) -> None:
    """The second memory of a session says how many links it has already."""
    await http.remembered("first", session="s")
    made = await http("POST", ROOT, {"content": "second", "session": "s"})
    assert made.json()["links"] == 1


async def test_a_text_that_was_there_is_recognized(http: Caller) -> None:
    """The very same text is as familiar as can be."""
    memory_id = await http.remembered("the kettle is blue")
    found = (await http("POST", f"{ROOT}/recognize", {"query": "the kettle is blue"})).json()
    assert (found["familiarity"], found["identical"]) == (1.0, memory_id)


async def test_a_statement_is_carried_out_or_refused_with_its_place(http: Caller) -> None:
    """Rows and columns come as the library has them; a mistake names line and column."""
    await http.remembered("the kettle is blue")
    body = {"statement": "RECALL $cue", "parameters": {"cue": "kettle"}}
    answer = (await http("POST", "/api/v1/query", body)).json()
    assert answer["rows"][0]["memory"]["content"] == "the kettle is blue"
    wrong = await http("POST", "/api/v1/query", {"statement": "RECALL"})
    assert (wrong.status_code, "line 1" in wrong.json()["detail"]) == (400, True)
    costly = await http("POST", "/api/v1/query", body | {"budget_ms": 1e-9})
    assert (costly.status_code, costly.json()["code"]) == (422, "OVER_BUDGET")


async def test_consolidation_forms_concepts_with_citations(http: Caller) -> None:
    """Episodes that belong together become a concept, which cites them and has a history."""
    for number in range(6):
        near = [1.0, 0.02 * number, 0.0]
        await http.remembered(f"the red kettle boils water, day {number}", embedding=near)
    done = (await http("POST", "/api/v1/consolidations", {})).json()
    assert (done["episodes"], done["formed"]) == (6, 1)
    (concept,) = (await http("GET", "/api/v1/consolidations")).json()["concepts"]
    assert len(concept["episodes"]) == 6
    path = f"/api/v1/consolidations/{concept['memory']['id']}"
    (version,) = (await http("GET", path)).json()["versions"]
    assert version["memory"]["id"] == concept["memory"]["id"]


async def test_a_space_is_checkpointed_compacted_and_verified(http: Caller) -> None:
    """Each says up to which LSN; nothing of a fresh store is damaged."""
    await http.remembered("the kettle is blue")
    done = (await http("POST", "/api/v1/maintenance/checkpoint", {})).json()
    assert (done["space"], done["bytes_written"] > 0) == ("default", True)
    assert (await http("POST", "/api/v1/maintenance/compact")).json()["rows_dropped"] == 0
    report = (await http("POST", "/api/v1/maintenance/verify")).json()
    assert (report["opens"], report["damage"], report["lsn"]) == (True, [], done["lsn"])


async def test_a_memory_that_is_not_there_is_not_found(http: Caller) -> None:
    """Whatever is asked of it."""
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"content": "x"}),
        ("DELETE", "", None),
        ("GET", "/history", None),
        ("GET", "/associations", None),
        ("POST", "/associations", {"target_id": NOBODY[:-1] + "c"}),
        ("GET", "/neighbours", None),
        ("POST", "/feedback", {"verdict": "useful"}),
        ("POST", "/unsuppress", {}),
    ):
        answer = await http(method, f"{ROOT}/{NOBODY}{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), (method, path)
