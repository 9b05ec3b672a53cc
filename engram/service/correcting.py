"""Corrections: a new memory takes the place of an old one, which keeps its history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from engram.engine.space_engine import SpaceEngine
from engram.model.commands import Remember, Request
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.ids import RANDOM_BYTES_PER_ID, MemoryId
from engram.model.memory import Memory, MemoryKind, Remembered
from engram.model.particulars import Particulars
from engram.service.core import Core
from engram.service.given_vectors import check_vector, with_vector
from engram.service.particulars import FIELDS, ParticularArguments
from engram.service.preparing import Item, prepare
from engram.service.reading import memories_of, on_bodies
from engram.service.remembering import embed_text, submitted
from engram.service.requests import body_of
from engram.state.current import row_ever, versions
from engram.state.space import DATED, HAS_VECTOR, View


class Changes(ParticularArguments, total=False):
    """Fields of a memory that a correction changes; None takes one away, left out it stays."""

    kind: str
    confidence: float | str
    occurred_at: datetime | None
    tags: Sequence[str]
    source: str | None
    session: str | None
    metadata: Mapping[str, Any] | None


class Correction(NamedTuple):
    """What a caller asked for, as it came."""

    memory: MemoryId
    content: str | None
    embedding: ArrayLike | None
    changes: Mapping[str, object]


def _body(asked: Correction) -> bytes:
    """Return the digest of what was asked for."""
    if asked.embedding is None:
        return body_of("update", *asked.memory, asked.content, asked.changes)
    vector = np.asarray(asked.embedding, "<f4").tobytes()
    return body_of("update", *asked.memory, asked.content, asked.changes, vector)


async def update(
    core: Core,
    engine: SpaceEngine,
    asked: Correction,
    request_of_body: Callable[[bytes], Request | None],
) -> Remembered:
    """Carry out `Space.update`.

    What was superseded already is looked at, too: its request may come again.
    """
    row = row_ever(engine.view, asked.memory)
    if row is not None and engine.unrecorded.of(engine.view, row).accesses:
        # When a memory was recalled decides how much of its strength a correction carries on.
        await engine.unrecorded.record(engine.view)
    command = await on_bodies(engine, partial(_prepared, core, engine, asked))
    command.request = request_of_body(_body(asked))
    if not command.vector and command.content:
        await embed_text(core, engine, command, command.content.decode())
    return await submitted(engine, command)


async def _prepared(core: Core, engine: SpaceEngine, asked: Correction) -> Remember:
    unknown = asked.changes.keys() - Changes.__annotations__.keys()
    if unknown:
        known = ", ".join(sorted(Changes.__annotations__))
        raise InvalidRequest(f"unknown field {min(unknown)!r}; besides content there are {known}")
    view, now = engine.view, core.clock.now()
    row = row_ever(view, asked.memory)
    if row is None:
        raise MemoryNotFound(str(asked.memory), engine.space)
    flags = int(view.value("flags", row))
    (old,) = await memories_of(core, engine, view, [row], now)
    content = old.content if asked.content is None else asked.content
    keeps_vector = asked.embedding is None and content == old.content and bool(flags & HAS_VECTOR)
    fields = _fields(old, is_dated=bool(flags & DATED)) | dict(asked.changes)
    particulars = {name: fields.pop(name) for name in FIELDS & fields.keys()}
    item = Item(content, asked.embedding, **fields, particulars=particulars)
    command = prepare(item, core.entropy.token(RANDOM_BYTES_PER_ID), vector_given=keeps_vector)
    command.particulars = msgspec.structs.replace(
        command.particulars or Particulars(), supersedes=asked.memory
    )
    if asked.embedding is not None:
        with_vector(command, *check_vector(core.kernels, asked.embedding), "")
    elif keeps_vector:
        vectors = await _vector(engine, view, row)
        with_vector(command, *check_vector(core.kernels, vectors), "")
    return command


async def _vector(engine: SpaceEngine, view: View, row: int) -> NDArray[np.float32]:
    def read(_: object = None) -> NDArray[np.float32]:
        return view.vectors_of(np.array([row])).reshape(-1)

    return read() if view.all_hot(np.array([row])) else await engine.readers.run(read)


def _fields(old: Memory, *, is_dated: bool) -> dict[str, Any]:
    """Return the fields a correction takes over."""
    names = ("confidence", "tags", "source", "session", "metadata", *FIELDS)
    taken = {name: getattr(old, name) for name in names}
    kind = old.kind if old.kind.upper() in MemoryKind.__members__ else "episodic"
    return taken | {"kind": kind, "occurred_at": old.occurred_at if is_dated else None}


async def history(core: Core, engine: SpaceEngine, memory: MemoryId) -> tuple[Memory, ...]:
    """Return all versions of a memory, the oldest first; MemoryNotFound when none lives."""

    async def read() -> tuple[Memory, ...]:
        view, now = engine.view, core.clock.now()
        rows = versions(view, memory, now)
        if not rows:
            raise MemoryNotFound(str(memory), engine.space)
        return tuple(await memories_of(core, engine, view, rows, now))

    return await on_bodies(engine, read)
