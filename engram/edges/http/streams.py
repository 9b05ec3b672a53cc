"""The endpoints that stream what happens in a memory space."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from engram.edges.http.asked import SpaceId
from engram.edges.http.calls import Call, Endpoint
from engram.edges.http.event_stream import EventStream
from engram.model.changes import Change, Topic


class StreamQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to stream."""

    space: SpaceId | None = None
    after: (
        Annotated[
            int,
            msgspec.Meta(
                ge=0,
                description="The LSN behind which to begin; left out, what happens from now on.",
            ),
        ]
        | None
    ) = None


async def stream_activities(call: Call) -> EventStream:
    """Stream all that happens."""
    return await _stream(call, "activities")


async def stream_memories(call: Call) -> EventStream:
    """Stream what becomes of memories."""
    return await _stream(call, "memories")


async def stream_consolidation(call: Call) -> EventStream:
    """Stream what is replayed and formed."""
    return await _stream(call, "consolidation")


async def _stream(call: Call, topic: Topic) -> EventStream:
    call.streams.check_room()
    # A caller that comes back repeats the address it began with, and says where it is by header.
    after = call.query.after if call.last_lsn is None else call.last_lsn
    space = await call.space()
    changes = await space.subscribe(topic, after=after).open()
    return EventStream(call.space_id, changes, call.streams)


_STREAM: Final = "/api/v1/stream"
ENDPOINTS: Final = (
    Endpoint(
        "GET",
        f"{_STREAM}/activities",
        "Follow all that is committed to a space, as server-sent events.",
        stream_activities,
        Change,
        query=StreamQuery,
        streams=True,
    ),
    Endpoint(
        "GET",
        f"{_STREAM}/memories",
        "Follow which memories are stored, corrected, forgotten, hidden or reviewed.",
        stream_memories,
        Change,
        query=StreamQuery,
        streams=True,
    ),
    Endpoint(
        "GET",
        f"{_STREAM}/consolidation",
        "Follow which episodes are replayed and which concepts are formed.",
        stream_consolidation,
        Change,
        query=StreamQuery,
        streams=True,
    ),
)
