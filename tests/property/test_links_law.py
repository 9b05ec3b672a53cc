"""Links that come late: the same when replayed, and no more when made again."""

from __future__ import annotations

import struct

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.model.commands import Command, Erase, Forget, Link, RememberBatch
from engram.model.events import Event, Linked, LinkedLate, Revectored, decode, encode
from engram.model.ids import MemoryId
from engram.model.limits import AUTOMATIC_EDGES_MAX
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.digest import digest
from engram.state.outcomes import Decision
from engram.state.space import ALIVE, ERASED, HAS_VECTOR, SpaceState
from engram.testing.strategies import batches, links

NOW = 1_700_000_000_000_000_000
_HALVES = ("id_high", "id_low")


def _done(state: SpaceState, log: list[tuple[int, bytes]], command: Command) -> Decision:
    decision = decide(state, "s", [command], NOW)
    for event, vectors in decision.events:
        _applied(state, log, event, bytes(vectors))
    return decision


def _applied(state: SpaceState, log: list[tuple[int, bytes]], event: Event, vectors: bytes) -> None:
    kind, buffers = encode(event, vectors)
    log.append((kind, b"".join(buffers)))
    apply(state, event, vectors, state.lsn + 1)


def _revectored(state: SpaceState, row: int) -> tuple[Revectored, bytes]:
    """Return what gives a memory its vector later."""
    raw = struct.pack("<QQ", *(int(state.columns[half].value(row)) for half in _HALVES))
    dimensions = state.dimensions or 3
    norms = struct.pack("<f", 1.0)
    return Revectored(raw, state.embedder or "e", dimensions, norms), bytes(4 * dimensions)


@settings(max_examples=60, deadline=None)
@given(batch=batches(), data=st.data())
def test_links_are_what_their_log_leads_to(batch: RememberBatch, data: st.DataObject) -> None:
    state = SpaceState()
    log: list[tuple[int, bytes]] = []
    chance = b"".join(n.to_bytes(10, "little") for n in range(batch.count))
    outcome = _done(state, log, msgspec.structs.replace(batch, chance=chance)).outcomes[0]
    ids = [MemoryId(int(high), int(low)) for high, low in np.unique(outcome.ids, axis=0)]
    for _ in range(data.draw(st.integers(1, 3))):
        command = data.draw(links(range(state.count), state.numbering, state.embedder))
        _done(state, log, command)
        again = [event for event, _ in _done(state, log, command).events]
        assert all(isinstance(event, Linked) and event.associated is None for event in again)
        if ids and (bare := _without_vector(state)):
            _applied(state, log, *_revectored(state, data.draw(st.sampled_from(bare))))
        waiting = state.associations.view().late_rows().tolist()
        if waiting:
            late: int = data.draw(st.sampled_from(waiting))
            command.numbering, command.embedder, command.late = 0, state.embedder, late
            # An erased one is named by nothing; those before it wait on.
            erased = bool(int(state.columns["flags"].value(late)) & ERASED)
            done = [type(event) for event, _ in _done(state, log, command).events]
            assert done == ([] if erased else [LinkedLate])
            left = waiting if erased else waiting[waiting.index(late) + 1 :]
            assert state.associations.view().late_rows().tolist() == left
        goes: bool = data.draw(st.booleans())
        if ids and goes:
            gone = ids.pop()
            is_erased: bool = data.draw(st.booleans())
            _done(state, log, Erase((gone,)) if is_erased else Forget(gone))
    replayed = SpaceState()
    for lsn, (kind, payload) in enumerate(log, start=1):
        event, vectors = decode(kind, payload)
        apply(replayed, event, vectors, lsn)
    assert digest(replayed) == digest(state)
    nodes = np.arange(state.associations.node_count, dtype=np.uint32)
    assert (state.associations.automatic_counts(nodes) <= AUTOMATIC_EDGES_MAX).all()


def _without_vector(state: SpaceState) -> list[int]:
    flags = state.columns["flags"].take(np.arange(state.count)) & np.uint8(ALIVE | HAS_VECTOR)
    return np.flatnonzero(flags == ALIVE).tolist()


@settings(max_examples=30, deadline=None)
@given(batch=batches(), data=st.data())
def test_links_of_other_rows_or_vectors_are_refused(
    batch: RememberBatch, data: st.DataObject
) -> None:
    state = SpaceState()
    log: list[tuple[int, bytes]] = []
    _done(state, log, batch)
    command: Link = data.draw(links(range(state.count), state.numbering + 1, state.embedder))
    other = msgspec.structs.replace(command, numbering=state.numbering, embedder="another")
    for each in (command, other):
        decision = _done(state, log, each)
        assert (decision.events, decision.outcomes[0].created) == ([], (False,))
    flags = state.columns["flags"].take(np.arange(state.count))
    assert (flags & ALIVE).all()
    assert state.associations.linked_rows == 0
