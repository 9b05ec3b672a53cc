"""What a store promised its callers, and the comparison with what it holds after reopening.

Rule 1: what was acknowledged is there, every field and every bit of its vector.
Rule 2: a request that failed may have happened or not, but whole; then what is found counts.
Rule 3: nothing else is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from anyio import lowlevel

from engram.engine.replay import replay
from engram.engine.space_engine import SpaceEngine
from engram.model.errors import check
from engram.model.ids import format_id
from engram.retrieval.filters import rows_known
from engram.retrieval.likeness import are_formed
from engram.state.digest import digest
from engram.state.reading import memory_at
from engram.state.space import DATED, HAS_VECTOR, SpaceState, View

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from engram.storage.snapshot_loading import OpenSegment

Presence: TypeAlias = Literal["there", "perhaps new", "perhaps gone"]


class Trace(NamedTuple):
    """One memory as it was given, its fields in the form they come back in.

    `vector` is raw little-endian float32. No two traces of a history have the same content and
    vector.
    """

    content: str
    vector: bytes
    tags: tuple[str, ...] = ()
    kind: str = "episodic"
    confidence: float = 1.0
    source: str | None = None
    session: str | None = None
    metadata: bytes = b""
    occurred_at: datetime | None = None

    @property
    def key(self) -> tuple[str, bytes]:
        """What tells this trace from all others."""
        return self.content, self.vector


def fields_of(trace: Trace) -> dict[str, Any]:
    """Return the trace as a caller writes it, its vector aside."""
    fields: dict[str, Any] = {
        "content": trace.content,
        "tags": trace.tags,
        "kind": trace.kind,
        "confidence": trace.confidence,
        "source": trace.source,
        "session": trace.session,
        "metadata": msgspec.json.decode(trace.metadata) if trace.metadata else None,
        "occurred_at": trace.occurred_at,
    }
    return {name: value for name, value in fields.items() if value is not None}


class Found(NamedTuple):
    """One memory as a space holds it."""

    trace: Trace
    seen_count: int


class Moment(NamedTuple):
    """Which memories a space held at a recorded time, in nanoseconds."""

    at: int
    ids: frozenset[str]


@dataclass(slots=True)
class SpacePromise:
    """What one space acknowledged (`kept`, `seen`), and what it was asked for and did not answer.

    `perhaps_remembered` holds the traces of each such request, all or none of which may be there.
    """

    presence: Presence = "there"
    kept: dict[str, Trace] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    perhaps_remembered: list[list[Trace]] = field(default_factory=list)
    perhaps_forgotten: set[str] = field(default_factory=set)
    perhaps_seen: list[str] = field(default_factory=list)
    digest: str | None = None
    moments: list[Moment] = field(default_factory=list)
    perhaps_erased: set[str] = field(default_factory=set)
    erased: dict[str, Trace] = field(default_factory=dict)

    @property
    def is_certain(self) -> bool:
        """Whether every request was answered."""
        return self.presence == "there" and not (
            self.perhaps_remembered or self.perhaps_forgotten or self.perhaps_seen
        )

    def keep(self, memory_id: str, trace: Trace) -> None:
        """Note a memory that was acknowledged as new."""
        check(memory_id not in self.kept, "two memories were given one id")
        self.kept[memory_id] = trace
        self.seen[memory_id] = 1

    def note_erased(self, memory_id: str) -> None:
        """Note that a memory is in no answer any more, not even in one about the past."""
        self.erased[memory_id] = self.kept[memory_id]
        self.moments = [Moment(at, ids - {memory_id}) for at, ids in self.moments]

    def note_moment(self, view: View) -> None:
        """Remember what the space holds now, for questions about the past."""
        self.moments.append(Moment(view.recorded_last, frozenset(self.kept)))

    def check_moments(self, view: View) -> None:
        """Ask the space what it held at the moments it can still answer about.

        Raises:
            InvariantViolated: it held other memories.
        """
        for at, ids in self.moments:
            if at < view.history_from:
                continue
            rows = np.flatnonzero(rows_known(view, at))
            found = {
                format_id(int(view.value("id_high", row)), int(view.value("id_low", row)))
                for row in rows[~are_formed(view, rows)].tolist()
            }
            check(found == ids, "the past is not what it was")

    def settle(self, found: dict[str, Found]) -> None:
        """Compare with what the space holds, and take that as promised from now on.

        Raises:
            InvariantViolated: a promise was broken.
        """
        for memory_id, trace in self.kept.items():
            if memory_id in found:
                check(found[memory_id].trace == trace, "an acknowledged memory is altered")
                least = self.seen[memory_id]
                most = least + self.perhaps_seen.count(memory_id)
                check(least <= found[memory_id].seen_count <= most, "a sighting is lost or made up")
            else:
                check(memory_id in self.perhaps_forgotten, "an acknowledged memory is lost")
        for memory_id in self.perhaps_erased - found.keys():
            self.note_erased(memory_id)
        self._check_new([found[each].trace for each in found if each not in self.kept])
        self.kept = {memory_id: each.trace for memory_id, each in found.items()}
        self.seen = {memory_id: each.seen_count for memory_id, each in found.items()}
        self.perhaps_remembered, self.perhaps_seen = [], []
        self.perhaps_forgotten, self.perhaps_erased, self.presence = set(), set(), "there"

    def _check_new(self, traces: list[Trace]) -> None:
        found = {trace.key: trace for trace in traces}
        check(len(found) == len(traces), "one memory is there twice")
        for request in self.perhaps_remembered:
            there = [trace for trace in request if trace.key in found]
            check(len(there) in (0, len(request)), "a part of a request happened")
            for trace in there:
                check(found.pop(trace.key) == trace, "an unacknowledged memory is altered")
        check(not found, "there is a memory that nobody gave, or that was forgotten")


@dataclass(slots=True)
class StorePromise:
    """What a store promised about its spaces; a space that is not here must not be there."""

    spaces: dict[str, SpacePromise] = field(default_factory=dict)

    def settle_names(self, found: Iterable[str]) -> None:
        """Compare which spaces there are, and take that as promised from now on.

        Raises:
            InvariantViolated: a space is lost, came back, or was made up.
        """
        names = set(found)
        for name, promise in list(self.spaces.items()):
            if name not in names:
                check(promise.presence != "there", f"memory space {name!r} is lost")
                del self.spaces[name]
        check(names <= self.spaces.keys(), "there is a space that nobody made, or that was dropped")


def contents(engine: SpaceEngine) -> dict[str, Found]:
    """Return every living memory of a space by id, as readers see it.

    Concepts that consolidation formed are aside: nobody gave them.
    """
    view = engine.view
    found: dict[str, Found] = {}
    for row in range(view.count):
        high, low = int(view.value("id_high", row)), int(view.value("id_low", row))
        if view.row_of(high, low) != row or are_formed(view, np.array([row])).any():
            continue
        memory = memory_at(view, row, engine.space, 0)
        vector = b""
        flags = int(view.value("flags", row))
        if flags & HAS_VECTOR:
            vector = view.vectors_of(np.array([row])).astype("<f4").tobytes()
        trace = Trace(
            memory.content,
            vector,
            memory.tags,
            memory.kind,
            memory.confidence,
            memory.source,
            memory.session,
            b"" if memory.metadata is None else msgspec.json.encode(memory.metadata),
            memory.occurred_at if flags & DATED else None,
        )
        check(memory.id == format_id(high, low), "a memory's id is that of its row")
        found[memory.id] = Found(trace, memory.seen_count)
    return found


async def check_replay(engine: SpaceEngine, open_segment: OpenSegment) -> str:
    """Check that what the disk holds of a space leads to the state it shows; return its digest.

    Each retained snapshot with the log after it does, and so does the log alone while it is whole.
    Looked at anew when something was recorded meanwhile.

    Raises:
        InvariantViolated: live state and replayed state differ.
        DurabilityError: the space failed meanwhile.
    """
    snapshots = engine.checkpoints.snapshots
    while True:
        # A checkpoint would remove log and segments that the older snapshot needs.
        async with engine.checkpoints.paused():
            view = engine.view
            live = digest(view)
            states = [snapshots.load_one(each, open_segment).state for each in snapshots.retained]
            if not snapshots.trim_lsn:
                states.append(SpaceState())
            for state in states:
                await replay(state, engine.log)
            if engine.failure is not None:
                raise engine.failure
            if engine.view.lsn == view.lsn and engine.queue.since is None:
                for state in states:
                    check(digest(state) == live, "what the disk holds leads to the live state")
                return live
        await lowlevel.checkpoint()
