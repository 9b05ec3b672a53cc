"""Lines of a body, stored batch by batch: good lines are kept, bad ones are told by number.

Lines with vectors of different lengths, or without any, are stored apart: a batch of the engine
has vectors of one length. Where a batch is refused for what some of its lines say it is halved,
until those lines are alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import anyio
import anyio.to_thread
import msgspec

from engram.edges.http.asked import MemoryFields
from engram.edges.http.calls import given
from engram.edges.http.limits import LINE_BYTES_MAX, UPLOAD_PATIENCE_SECONDS_MAX
from engram.edges.http.lines import Batch, Line
from engram.edges.http.problems import Refused, said_of
from engram.edges.http.reading import body_of
from engram.model.errors import DimensionMismatch, EmbedderMismatch, InvalidRequest, Overloaded
from engram.service.space import Space
from engram.service.wire.refusals import RETRY_AFTER_S

_KEY_BYTES: Final = 16
# What all lines of one length have in common.
_OF_ALL: Final = (DimensionMismatch, EmbedderMismatch)


class LineError(msgspec.Struct, frozen=True):
    """A line that was not stored, and why; the others are."""

    line: int
    code: str
    detail: str
    violations: tuple[str, ...]


class Stored(msgspec.Struct, frozen=True, tag="stored"):
    """Lines whose memories are durable.

    `ids` has an id for each line from `first_line` to `last_line`: null where a line is blank, or
    is among `errors`. `created` of them are new, the others were there. `lsn` is 0 where
    all lines are among the errors.
    """

    first_line: int
    last_line: int
    ids: list[str | None]
    created: int
    lsn: int
    errors: list[LineError]


class Item(NamedTuple):
    """A memory as the library takes it, and its line."""

    line: int
    fields: dict[str, Any]


class Storing:
    """Stores the batches of one body in one space."""

    def __init__(self, space: Space, request_key: str | None) -> None:
        """Take the key that makes all of it safe to repeat."""
        self._space, self._key = space, request_key
        self._ids: dict[int, str] = {}
        self._errors: list[LineError] = []
        self._created = self._lsn = 0

    async def store(self, batch: Batch) -> tuple[Stored, Exception | None]:
        """Store a batch; return what became of it, and why no more can be stored, if so."""
        self._ids, self._errors, self._created = {}, [], 0
        self._lsn = 0
        failure = None
        try:
            for items in await anyio.to_thread.run_sync(self._read, batch.lines):
                await self._remember(items)
        except Exception as error:  # noqa: BLE001 - what was stored before it is told first
            failure = error
        ids = [self._ids.get(line) for line in range(batch.first, batch.last + 1)]
        errors = sorted(self._errors, key=lambda each: each.line)
        return Stored(batch.first, batch.last, ids, self._created, self._lsn, errors), failure

    def _read(self, lines: Sequence[Line]) -> list[list[Item]]:
        """Return the memories that lines are, those with vectors of one length together. Blocks."""
        alike: dict[int | None, list[Item]] = {}
        for line in lines:
            try:
                item = Item(line.number, _fields(line))
            except (InvalidRequest, Refused) as error:
                self._refuse(line.number, error)
                continue
            vector = item.fields.get("embedding")
            alike.setdefault(None if vector is None else len(vector), []).append(item)
        return list(alike.values())

    async def _remember(self, items: Sequence[Item]) -> None:
        """Store memories; those that break a rule are told. Raises what is not about them alone."""
        try:
            done = await self._patiently(items)
        except _OF_ALL as error:
            for each in items:
                self._refuse(each.line, error)
        except InvalidRequest as error:
            if len(items) == 1:
                own = [each.removeprefix("item 0: ") for each in error.violations]
                self._refuse(items[0].line, InvalidRequest(*own))
                return
            middle = len(items) // 2
            await self._remember(items[:middle])
            await self._remember(items[middle:])
        else:
            self._ids.update(zip((each.line for each in items), done.ids, strict=True))
            self._created += done.created_count
            self._lsn = done.lsn

    async def _patiently(self, items: Sequence[Item]) -> Any:
        """Store memories all or none, waiting for a space that takes no more right now."""
        memories: Any = [each.fields for each in items]
        key = self._key_of(items)
        until = anyio.current_time() + UPLOAD_PATIENCE_SECONDS_MAX
        while True:
            try:
                return await self._space.remember_many(memories, request_key=key)
            except Overloaded as error:
                rest = float(getattr(error, "retry_after_s", RETRY_AFTER_S["OVERLOADED"]))
                if anyio.current_time() + rest > until:
                    raise
            await anyio.sleep(rest)

    def _key_of(self, items: Sequence[Item]) -> str | None:
        """Return the key of a part; the lines it begins and ends with tell it from all others."""
        if self._key is None:
            return None
        named = f"{self._key}\n{items[0].line}-{items[-1].line}".encode()
        return hashlib.blake2b(named, digest_size=_KEY_BYTES).hexdigest()

    def _refuse(self, line: int, error: Exception) -> None:
        said = said_of(error)
        self._errors.append(LineError(line, said.code, said.detail, said.violations))


def _fields(line: Line) -> dict[str, Any]:
    """Return a line as the library takes a memory; Refused or InvalidRequest when it is none."""
    if line.text is None:
        large = f"the line has more than {LINE_BYTES_MAX:,} bytes; no memory takes as many"
        raise Refused(413, "PAYLOAD_TOO_LARGE", large)
    return memory_fields(body_of(MemoryFields, line.text, "the line"))


def memory_fields(fields: MemoryFields) -> dict[str, Any]:
    """Return a memory as the library takes it."""
    told = given(fields)
    if fields.episode is not None:
        told["episode"] = fields.episode.parts()
    return told
