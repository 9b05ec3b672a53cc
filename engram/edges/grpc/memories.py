"""The procedures of memories: remember, list, get, correct, forget."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.message import Message

from engram.edges.grpc.calls import Call, Procedure
from engram.edges.grpc.limits import BATCH_COUNT_MAX
from engram.model.errors import InvalidRequest
from engram.service.access import Role
from engram.service.wire.answered import forgotten_value
from engram.service.wire.protobuf import given, message_of
from engram.service.wire.remembering import corrected_value, episode_fields, remembered_value
from engram.v1 import engram_pb2 as wire

_LISTED: Final = frozenset(("tags", "entities"))
_ERASE: Final = "erase"


async def remember(call: Call) -> Message:
    """Remember one memory."""
    request: wire.RememberRequest = call.request
    fields = given(request.memory)
    key = request.request_key if request.HasField("request_key") else None
    return await _remembered(call, fields, key)


async def _remembered(call: Call, fields: dict[str, Any], key: str | None) -> Message:
    space = await call.space()
    done = await space.remember(request_key=key, **fields)
    value = await remembered_value(space, done, fields)
    return wire.RememberResponse(
        id=value.id,
        space=value.space,
        lsn=value.lsn,
        created=value.created,
        confidence=value.confidence,
        links=value.links,
        near_duplicates=value.near_duplicates,
    )


async def remember_many(call: Call) -> Message:
    """Remember many memories: all, or none when one of them breaks a rule."""
    request: wire.RememberManyRequest = call.request
    check_count("memories", len(request.memories))
    items: Any = memories_of(request.memories)
    space = await call.space()
    key = request.request_key if request.HasField("request_key") else None
    done = await space.remember_many(items, request_key=key)
    return message_of(wire.RememberManyResponse, done, space=space.id)


def memories_of(memories: Iterable[wire.NewMemory]) -> list[dict[str, Any]]:
    """Return memories as the library takes them; InvalidRequest names every one that is none."""
    items, violations = [], []
    for position, each in enumerate(memories):
        try:
            items.append(given(each))
        except InvalidRequest as error:
            violations += [f"item {position}: {said}" for said in error.violations]
    if violations:
        raise InvalidRequest(*violations)
    return items


def check_count(field: str, count: int) -> None:
    """Raise InvalidRequest unless a list has some elements, and not too many."""
    if not 1 <= count <= BATCH_COUNT_MAX:
        raise InvalidRequest(f"{field} has {count:,} elements; send 1 to {BATCH_COUNT_MAX:,}")


async def remember_episode(call: Call) -> Message:
    """Remember an episode; what happened is its text, too."""
    fields = call.arguments()
    key = fields.pop("request_key", None)
    parts = {"what": None, "where": None, "why": None, "how": None} | fields.pop("episode", {})
    if not parts["what"]:
        raise InvalidRequest("episode.what is missing; it says what happened")
    told = (fields.pop(name, None) for name in ("when", "importance", "emotional_valence"))
    who = parts.pop("who", ())
    return await _remembered(call, episode_fields(parts, who, *told) | fields, key)


async def get(call: Call) -> Message:
    """Return one memory."""
    space = await call.space()
    return message_of(wire.Memory, await space.get(**call.arguments()))


async def listing(call: Call) -> Message:
    """Return memories in the order they were recorded."""
    arguments = call.arguments()
    space = await call.space()
    return message_of(wire.ListResponse, await space.list(**arguments))


async def replay(call: Call) -> Message:
    """Return episodes in the order in which they happened."""
    arguments = call.arguments()
    space = await call.space()
    return message_of(wire.ListResponse, await space.replay(**arguments))


async def update(call: Call) -> Message:
    """Correct a memory."""
    request: wire.UpdateRequest = call.request
    changes = given(request.changes)
    if not request.changes.content:
        changes.pop("content", None)
    known = {each.name for each in wire.NewMemory.DESCRIPTOR.fields}
    for path in request.update_mask.paths:
        if path not in known:
            raise InvalidRequest(
                f"update_mask names {path!r}; there are {', '.join(sorted(known))}"
            )
        name = path.removesuffix("_json").removesuffix("_level")
        changes.setdefault(name, [] if name in _LISTED else None)
    if not changes:
        raise InvalidRequest("the request changes nothing; set a field, or name one in update_mask")
    key = request.request_key if request.HasField("request_key") else None
    space = await call.space()
    done = await space.update(request.memory_id, request_key=key, **changes)
    return message_of(wire.RememberResponse, await corrected_value(space, done))


async def history(call: Call) -> Message:
    """Return all versions of a memory."""
    space = await call.space()
    versions = await space.history(call.request.memory_id)
    return wire.HistoryResponse(versions=[message_of(wire.Memory, each) for each in versions])


async def forget(call: Call) -> Message:
    """Take memories out of every answer."""
    request: wire.ForgetRequest = call.request
    check_count("memory_ids", len(request.memory_ids))
    mode = request.mode if request.HasField("mode") else "delete"
    space = await call.space()
    if len(request.memory_ids) == 1:
        key = request.request_key if request.HasField("request_key") else None
        done = await space.forget(
            request.memory_ids[0], mode=mode, request_key=None if mode == _ERASE else key
        )
    elif request.HasField("request_key"):
        raise InvalidRequest("request_key goes with one memory; forgetting many twice is no harm")
    else:
        done = await space.forget_many(request.memory_ids, mode=mode)
    return message_of(wire.ForgetResponse, forgotten_value(done, space.id))


async def unsuppress(call: Call) -> Message:
    """Bring a suppressed memory back."""
    space = await call.space()
    done = await space.unsuppress(**call.arguments())
    return message_of(wire.UnsuppressResponse, done, space=space.id)


async def feedback(call: Call) -> Message:
    """Say what a recalled memory was worth."""
    space = await call.space()
    return message_of(wire.FeedbackResponse, await space.feedback(**call.arguments()))


async def lability(call: Call) -> Message:
    """Return whether a recall has made a memory labile."""
    space = await call.space()
    return message_of(wire.LabilityResponse, await space.lability(call.request.memory_id))


def _write(name: str, handle: Any, takes: type[Message], answers: type[Message]) -> Procedure:
    return Procedure(name, handle, takes, answers, Role.AGENT, writes=True)


PROCEDURES: Final = (
    _write("Remember", remember, wire.RememberRequest, wire.RememberResponse),
    _write("RememberMany", remember_many, wire.RememberManyRequest, wire.RememberManyResponse),
    _write("Store", remember_episode, wire.StoreRequest, wire.RememberResponse),
    Procedure("Get", get, wire.GetRequest, wire.Memory),
    Procedure("List", listing, wire.ListRequest, wire.ListResponse),
    Procedure("Replay", replay, wire.ListRequest, wire.ListResponse),
    _write("Update", update, wire.UpdateRequest, wire.RememberResponse),
    Procedure("History", history, wire.HistoryRequest, wire.HistoryResponse),
    _write("Forget", forget, wire.ForgetRequest, wire.ForgetResponse),
    _write("Unsuppress", unsuppress, wire.UnsuppressRequest, wire.UnsuppressResponse),
    _write("Feedback", feedback, wire.FeedbackRequest, wire.FeedbackResponse),
    Procedure("Lability", lability, wire.LabilityRequest, wire.LabilityResponse),
)
