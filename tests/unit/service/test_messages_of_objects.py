"""Messages of protobuf are made of the attributes that their fields are called by."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest

from engram.model.completion import CompletedField
from engram.model.errors import InvalidRequest, InvariantViolated
from engram.model.explanation import PathStep
from engram.model.memory import Memory
from engram.model.recall_result import RecallResult
from engram.model.recollection import Interval, Recollection
from engram.service.wire.answered import memory_value
from engram.service.wire.protobuf import message_of
from engram.v1 import engram_pb2 as wire

NOON = datetime(2026, 11, 22, 12, 0, 0, 7, UTC)
PARTS = {"similarity": 0.5, "retrievability": 0.9, "confidence": 1.0}


class Listing(NamedTuple):
    """What a list of memories is made of."""

    memories: Any


def memory(**fields: Any) -> Memory:
    return Memory("1", "s", "Ada met Babbage.", "episodic", 0.9, NOON, NOON, **fields)


def test_a_recall_says_all_that_its_objects_do() -> None:
    path = (PathStep("2"), PathStep(None, "#tea", "tag", 0.5))
    hit = Recollection(
        memory(tags=("a", "b"), session="x"),
        0.75,
        PARTS,
        confidence_interval=Interval(0.25, 0.5),
        path=path,
        paths=(path, path[:1]),
        rank=2,
    )
    found = message_of(
        wire.RecallResponse, RecallResult((hit,), {"fuse": 1.5}, 9, 10, 11), space="s"
    )
    steps = [
        wire.Step(memory_id="2", weight=1.0),
        wire.Step(label="#tea", kind="tag", weight=0.5),
    ]
    (told,) = found.recollections
    assert (found.space, found.candidates, found.searched, found.lsn) == ("s", 9, 10, 11)
    assert dict(found.timings_us) == {"fuse": 1.5}
    assert [(each.name, each.value) for each in told.parts] == list(PARTS.items())
    assert (told.score, told.rank, told.relevance) == (0.75, 2, hit.relevance)
    assert told.confidence_interval == wire.Interval(low=0.25, high=0.5)
    assert list(told.path) == steps
    assert [list(way.steps) for way in told.paths] == [steps, steps[:1]]
    assert list(told.memory.tags) == ["a", "b"]
    assert told.memory.confidence_category == "high"
    assert told.memory.occurred_at.nanos == 7_000
    assert not told.memory.HasField("last_access_at")


def test_elements_of_a_list_may_be_of_several_classes() -> None:
    one, mapping = memory(tags=("a",)), {"id": "3", "content": "as a mapping"}
    found = message_of(wire.ListResponse, Listing((one, memory_value(one), mapping, one)))
    first, as_value, as_mapping, last = found.memories
    assert first == as_value == last == message_of(wire.Memory, one)
    assert as_mapping == wire.Memory(id="3", content="as a mapping")


def test_what_can_be_told_from_nothing_is_said_even_when_it_is_empty() -> None:
    found = message_of(wire.Memory, memory(source="", metadata={}))
    assert found.HasField("source")
    assert found.metadata_json == "{}"
    assert not found.HasField("session")
    assert not found.HasField("ended_at")


@pytest.mark.parametrize(
    ("value", "field"), [("in the library", "text"), ("", "text"), (("Ada", "Mary"), "texts")]
)
def test_of_a_choice_the_field_is_set_that_the_value_fits(value: Any, field: str) -> None:
    found = message_of(wire.CompletedField, CompletedField(value, "given", 0.5))
    told = found.text if field == "text" else tuple(found.texts.texts)
    assert (found.WhichOneof("value"), told) == (field, value)


def test_what_is_said_beside_an_object_holds() -> None:
    result = RecallResult((Recollection(memory(), 0.5, PARTS),), {}, 1, 1, 1)
    assert not message_of(wire.RecallResponse, result, space="s", recollections=()).recollections
    assert message_of(wire.RecallResponse, result, space="s").recollections


def test_a_time_in_another_zone_is_the_same_moment() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=-5)))
    assert (
        message_of(wire.Memory, memory(last_access_at=there)).last_access_at.ToDatetime(UTC) == NOON
    )


def test_one_text_is_no_list_of_texts() -> None:
    with pytest.raises(InvalidRequest, match="must be a list"):
        message_of(wire.Memory, memory(tags="tea"))


def test_an_object_with_none_of_the_fields_is_a_bug() -> None:
    with pytest.raises(InvariantViolated, match="no field of Memory"):
        message_of(wire.Memory, object())
