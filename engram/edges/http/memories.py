"""The endpoints of memories: remember, list, get, correct, forget."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from engram.edges.http.asked import (
    BatchBody,
    FeedbackBody,
    ForgetQuery,
    GetQuery,
    ListQuery,
    NewEpisodeBody,
    RememberBody,
    Spaced,
    UpdateBody,
)
from engram.edges.http.calls import Call, Endpoint, given
from engram.edges.http.conditions import with_metadata
from engram.edges.http.limits import BATCH_COUNT_MAX
from engram.edges.http.storing import memory_fields
from engram.edges.http.uploads import REMEMBER_LINES
from engram.model.errors import InvalidRequest
from engram.model.ids import parse_id
from engram.model.memory import Reviewed
from engram.service.access import Role
from engram.service.wire.answered import (
    ForgottenValue,
    HistoryValue,
    MemoryValue,
    PageValue,
    RememberedManyValue,
    RememberedValue,
    forgotten_value,
    memory_value,
    memory_values,
    remembered_many_value,
)
from engram.service.wire.remembering import corrected_value, episode_fields, remembered_value


class ForgetManyBody(Spaced, forbid_unknown_fields=True, kw_only=True):
    """Memories to be forgotten: all of them, or none when one is not there."""

    memory_ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=BATCH_COUNT_MAX)]
    mode: Annotated[
        str,
        msgspec.Meta(description="suppress (hidden), delete, or erase (no byte of them is left)."),
    ] = "delete"


async def remember(call: Call) -> RememberedValue:
    """Remember one memory."""
    return await _remembered(call, memory_fields(call.body))


async def remember_episode(call: Call) -> RememberedValue:
    """Remember an episode; what happened is its text, too."""
    body: NewEpisodeBody = call.body
    fields = given(body, "what", "when", "where", "who", "why", "how")
    parts = {"what": body.what, "where": body.where, "why": body.why, "how": body.how}
    told = fields.pop("importance", None), fields.pop("emotional_valence", None)
    return await _remembered(call, episode_fields(parts, body.who or (), body.when, *told) | fields)


async def _remembered(call: Call, fields: dict[str, Any]) -> RememberedValue:
    space = await call.space()
    done = await space.remember(request_key=call.request_key, **fields)
    return await remembered_value(space, done, fields)


async def remember_many(call: Call) -> RememberedManyValue:
    """Remember many memories: all, or none when one of them breaks a rule."""
    body: BatchBody = call.body
    space = await call.space()
    items: Any = [memory_fields(each) for each in body.memories]
    done = await space.remember_many(items, request_key=call.request_key)
    return remembered_many_value(done, space.id)


async def get(call: Call) -> MemoryValue:
    """Return one memory."""
    memory_id, query = _id(call), call.query
    space = await call.space()
    return memory_value(
        await space.get(memory_id, as_of=query.as_of, include_suppressed=query.include_suppressed)
    )


async def listing(call: Call) -> PageValue:
    """Return memories in the order they were recorded."""
    space = await call.space()
    page = await space.list(**with_metadata(given(call.query)))
    return PageValue(memory_values(page.memories), page.total, page.cursor)


async def update(call: Call) -> RememberedValue:
    """Correct a memory."""
    memory_id, body = _id(call), call.body
    changes = {
        name: value
        for name in UpdateBody.__struct_fields__
        if name not in Spaced.__struct_fields__
        and (value := getattr(body, name)) is not msgspec.UNSET
    }
    if not changes:
        raise InvalidRequest("the body changes nothing; send at least one field")
    if changes.get("episode") is not None:
        changes["episode"] = changes["episode"].parts()
    space = await call.space()
    done = await space.update(memory_id, request_key=call.request_key, **changes)
    return await corrected_value(space, done)


async def forget(call: Call) -> ForgottenValue:
    """Take a memory out of every answer."""
    memory_id = _id(call)
    space = await call.space()
    key = None if call.query.mode == "erase" else call.request_key
    receipt = await space.forget(memory_id, mode=call.query.mode, request_key=key)
    return forgotten_value(receipt, space.id)


async def forget_many(call: Call) -> ForgottenValue:
    """Take many memories out of every answer."""
    body: ForgetManyBody = call.body
    space = await call.space()
    return forgotten_value(await space.forget_many(body.memory_ids, mode=body.mode), space.id)


async def unsuppress(call: Call) -> ForgottenValue:
    """Bring a suppressed memory back."""
    memory_id = _id(call)
    space = await call.space()
    done = await space.unsuppress(memory_id, request_key=call.request_key)
    return ForgottenValue(list(done.ids), space.id, "unsuppress", done.lsn)


async def feedback(call: Call) -> Reviewed:
    """Say what a recalled memory was worth."""
    memory_id = _id(call)
    space = await call.space()
    return await space.feedback(memory_id, call.body.verdict, request_key=call.request_key)


async def history(call: Call) -> HistoryValue:
    """Return all versions of a memory."""
    memory_id = _id(call)
    space = await call.space()
    return HistoryValue(memory_values(await space.history(memory_id)))


def _id(call: Call) -> str:
    """Return the id of the path; InvalidRequest when it is none, whatever the space holds."""
    parse_id(call.path["id"])
    return call.path["id"]


_ROOT: Final = "/api/v1/memories"
_ONE: Final = "/api/v1/memories/{id}"
_REMEMBER: Final = Endpoint(
    "POST",
    f"{_ROOT}/remember",
    "Remember a memory; what this acknowledges is durable, and the next recall sees it.",
    remember,
    RememberedValue,
    body=RememberBody,
    status=201,
    takes_key=True,
    writes=True,
    needs=Role.AGENT,
    brief_with="embedding",  # no embedder is asked, and a write is not stopped on its way
)
ENDPOINTS: Final = (
    _REMEMBER,
    _REMEMBER._replace(path=_ROOT),
    Endpoint(
        "POST",
        f"{_ROOT}/batch",
        "Remember many memories: all of them, or none when one breaks a rule.",
        remember_many,
        RememberedManyValue,
        body=BatchBody,
        status=201,
        takes_key=True,
        writes=True,
        needs=Role.AGENT,
        by_lines=REMEMBER_LINES,
    ),
    Endpoint(
        "POST",
        f"{_ROOT}/forget",
        "Forget many memories: all of them, or none when one is not there.",
        forget_many,
        ForgottenValue,
        body=ForgetManyBody,
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "POST",
        "/api/v1/episodes/remember",
        "Remember an episode: what happened, when, where, with whom, why and how.",
        remember_episode,
        RememberedValue,
        body=NewEpisodeBody,
        status=201,
        takes_key=True,
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "GET",
        _ROOT,
        "List memories in the order they were recorded, page by page.",
        listing,
        PageValue,
        query=ListQuery,
    ),
    Endpoint("GET", _ONE, "Get one memory.", get, MemoryValue, query=GetQuery, is_brief=True),
    Endpoint(
        "PATCH",
        _ONE,
        "Correct a memory: a new one takes its place, the old one keeps its history.",
        update,
        RememberedValue,
        body=UpdateBody,
        takes_key=True,
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "DELETE",
        _ONE,
        "Forget a memory: suppress, delete or erase it.",
        forget,
        ForgottenValue,
        query=ForgetQuery,
        takes_key=True,
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "GET",
        f"{_ONE}/history",
        "Get all versions of a memory: what it superseded, and how often each was recalled.",
        history,
        HistoryValue,
    ),
    Endpoint(
        "POST",
        f"{_ONE}/feedback",
        "Say that a recalled memory was useful or wrong: it lasts longer, or fades sooner.",
        feedback,
        Reviewed,
        body=FeedbackBody,
        takes_key=True,
        writes=True,
        needs=Role.AGENT,
    ),
    Endpoint(
        "POST",
        f"{_ONE}/unsuppress",
        "Bring a suppressed memory back.",
        unsuppress,
        ForgottenValue,
        body=Spaced,
        takes_key=True,
        writes=True,
        needs=Role.AGENT,
    ),
)
