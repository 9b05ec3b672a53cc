"""The tools: what each is for, what it takes and answers, who may call it, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from engram.edges.mcp.asked import (
    Associate,
    Consolidate,
    Correct,
    Forget,
    Listing,
    MemoryFields,
    Recall,
    Recognize,
    Remember,
    Spaced,
    Spread,
    given,
)
from engram.edges.mcp.lent import takes
from engram.edges.mcp.progress import Progress
from engram.model.association import NEAR_DUPLICATE, Associated
from engram.model.concepts import Consolidated
from engram.model.errors import InvalidRequest
from engram.model.limits import LIMIT_MAX
from engram.model.memory import SpaceStats
from engram.service.access import Role
from engram.service.wire.answered import (
    ActivationsValue,
    ForgottenValue,
    PageValue,
    RecalledValue,
    RecognizedValue,
    activations_value,
    forgotten_value,
    memory_values,
    recalled_value,
    recognized_value,
)


class RememberedHere(msgspec.Struct, frozen=True):
    """Memories that are durable now: an id for each, in order."""

    ids: list[str]
    space: str
    lsn: int
    created_count: int
    """How many are new; the others were there already and have been seen again."""
    near_duplicates: tuple[str, ...] = ()
    """Of one memory: others that perhaps say the same."""


class Corrected(msgspec.Struct, frozen=True):
    """The memory that took another's place."""

    id: str
    space: str
    lsn: int
    created: bool
    supersedes: str


class Tool(NamedTuple):
    """One tool."""

    name: str
    title: str
    description: str
    """One sentence says what it does, the next when to use it."""
    takes: type[msgspec.Struct]
    answers: type[msgspec.Struct]
    carry_out: Callable[[Any, Any, Progress], Awaitable[msgspec.Struct]]
    """Called with a memory space, the arguments, and what takes how far it is."""
    needs: Role = Role.READER
    destroys: bool = False
    """Whether it takes something away."""
    is_idempotent: bool = False
    """Whether calling it again with the same arguments does nothing more."""

    @property
    def operation(self) -> str:
        """What metrics call it: the verb, as over HTTP."""
        name: str = getattr(self.carry_out, "__name__", self.name)
        return name


def operation_of(tool: Tool, asked: Any) -> str:
    """Return what metrics call a call, by its arguments: a verb of many is one of its own."""
    is_many = isinstance(asked, Remember) and asked.memories is not None
    is_many |= isinstance(asked, Forget) and len(asked.memory_ids) > 1
    return f"{tool.operation}_many" if is_many else tool.operation


async def remember(space: Any, asked: Remember, progress: Progress) -> RememberedHere:
    """Remember one memory, or many."""
    if asked.memories is not None:
        return await _remember_many(space, asked, progress)
    done = await space.remember(
        request_key=asked.request_key, **given(asked, "memories", "request_key")
    )
    same: tuple[str, ...] = ()
    if not done.created:
        found = await space.associations(done.id, limit=LIMIT_MAX)
        same = tuple(each.target_id for each in found if each.why == NEAR_DUPLICATE)
    return RememberedHere([done.id], space.id, done.lsn, int(done.created), same)


async def _remember_many(space: Any, asked: Remember, progress: Progress) -> RememberedHere:
    beside = [name for name in MemoryFields.__struct_fields__ if getattr(asked, name)]
    if beside:
        raise InvalidRequest(
            f"beside memories there is {', '.join(beside)}; a field goes into each of the memories"
        )
    items = [given(each) for each in asked.memories or ()]
    progress(0, len(items))
    done = await space.remember_many(items, progress=progress, request_key=asked.request_key)
    progress(len(items), len(items))
    return RememberedHere(list(done.ids), space.id, done.lsn, done.created_count)


async def recall(space: Any, asked: Recall, _: Progress) -> RecalledValue:
    """Recall what a cue brings to mind."""
    return recalled_value(await space.recall(asked.query, **given(asked, "query")), space.id)


async def recognize(space: Any, asked: Recognize, _: Progress) -> RecognizedValue:
    """Say how familiar something is."""
    return recognized_value(await space.recognize(asked.query, **given(asked, "query")))


async def forget(space: Any, asked: Forget, progress: Progress) -> ForgottenValue:
    """Take memories out of every answer."""
    if len(asked.memory_ids) == 1 and asked.mode != "erase":
        (memory_id,) = asked.memory_ids
        key = asked.request_key
        return forgotten_value(
            await space.forget(memory_id, mode=asked.mode, request_key=key), space.id
        )
    if asked.request_key is not None:
        raise InvalidRequest(
            "request_key goes with one memory that is not erased: forgetting many, and erasing, do "
            "nothing more when they are called again"
        )
    done = await space.forget_many(asked.memory_ids, mode=asked.mode, progress=progress)
    return forgotten_value(done, space.id)


async def update(space: Any, asked: Correct, _: Progress) -> Corrected:
    """Let a corrected memory take the place of one."""
    changes = given(asked, "memory_id", "request_key")
    if not changes:
        raise InvalidRequest("nothing is to be changed; give at least one field")
    done = await space.update(asked.memory_id, request_key=asked.request_key, **changes)
    return Corrected(done.id, space.id, done.lsn, done.created, asked.memory_id)


async def associate(space: Any, asked: Associate, _: Progress) -> Associated:
    """Lead from one memory to another."""
    ends = asked.source_id, asked.target_id
    made: Associated = await space.associate(*ends, **given(asked, "source_id", "target_id"))
    return made


async def spread(space: Any, asked: Spread, _: Progress) -> ActivationsValue:
    """Let activation spread from memories."""
    return activations_value(await space.spread(**given(asked)))


async def consolidate(space: Any, asked: Consolidate, progress: Progress) -> Consolidated:
    """Form concepts of episodes that belong together."""
    work = partial(space.consolidate, episodes_max=asked.episodes_max)
    if takes(space.consolidate, "progress"):
        work = partial(work, progress=progress)
    done: Consolidated = await work()
    return done


async def listing(space: Any, asked: Listing, _: Progress) -> PageValue:
    """Return memories in the order they were recorded."""
    page = await space.list(**given(asked))
    return PageValue(memory_values(page.memories), page.total, page.cursor)


async def stats(space: Any, _asked: Spaced, _: Progress) -> SpaceStats:
    """Return what a space holds."""
    found: SpaceStats = await space.stats()
    return found


_LISTED: Final = (
    Tool(
        "remember",
        "Remember",
        "Store one memory, or many at once, durably: when this returns, the next recall sees it. "
        "Use it when you learn something that should outlast this conversation, such as a fact, a "
        "preference, a decision or an event.",
        Remember,
        RememberedHere,
        remember,
        Role.AGENT,
    ),
    Tool(
        "recall",
        "Recall",
        "Find the memories that a question or a memory brings to mind, best first, by meaning, by "
        "words and by association, each with how likely it is what was asked for. "
        "Use it when you need something that was remembered before, and before you answer from "
        "scratch.",
        Recall,
        RecalledValue,
        recall,
        is_idempotent=True,
    ),
    Tool(
        "recognize",
        "Recognize",
        "Say how familiar a text is, from 0 to 1, and which memories it is most like. "
        "Use it when you want to know whether something is known already, for example before you "
        "remember it.",
        Recognize,
        RecognizedValue,
        recognize,
        is_idempotent=True,
    ),
    Tool(
        "forget",
        "Forget",
        "Take memories out of every answer by their ids: hide them, delete them, or erase every "
        "byte of them. "
        "Use it when somebody asks for it, or when memories should never have been stored; for one "
        "that is merely outdated use correct.",
        Forget,
        ForgottenValue,
        forget,
        Role.AGENT,
        destroys=True,
        is_idempotent=True,
    ),
    Tool(
        "correct",
        "Correct",
        "Let a corrected memory take the place of one, whose history is kept; what you leave out "
        "stays as it is. "
        "Use it when a memory is wrong or has changed, so that old and new do not contradict each "
        "other.",
        Correct,
        Corrected,
        update,
        Role.AGENT,
    ),
    Tool(
        "associate",
        "Associate",
        "Make one memory lead to another, so that recalling one brings the other to mind. "
        "Use it when you see a connection that neither words nor time tell, such as a cause and "
        "its effect.",
        Associate,
        Associated,
        associate,
        Role.AGENT,
        is_idempotent=True,
    ),
    Tool(
        "spread",
        "Spread activation",
        "Follow associations from some memories and return what becomes active, the most active "
        "first. "
        "Use it when you have found a memory and want what surrounds it, rather than what is like "
        "your words.",
        Spread,
        ActivationsValue,
        spread,
        is_idempotent=True,
    ),
    Tool(
        "consolidate",
        "Consolidate",
        "Replay episodes and form concepts of those that belong together, each citing its "
        "episodes. "
        "Use it when many episodes were remembered at once and you want what they have in common; "
        "otherwise it happens by itself.",
        Consolidate,
        Consolidated,
        consolidate,
        Role.AGENT,
    ),
    Tool(
        "list",
        "List memories",
        "Return memories in the order they were recorded, page by page, with how many there are. "
        "Use it when you want all memories that meet some filters, rather than those that fit a "
        "question.",
        Listing,
        PageValue,
        listing,
        is_idempotent=True,
    ),
    Tool(
        "stats",
        "Statistics",
        "Return how many memories a space holds and how it stands. "
        "Use it when you want to know how much is remembered, or whether something is wrong.",
        Spaced,
        SpaceStats,
        stats,
        is_idempotent=True,
    ),
)
TOOLS: Final = {each.name: each for each in _LISTED}
"""Every tool by its name."""
