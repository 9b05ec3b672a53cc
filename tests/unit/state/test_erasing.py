"""Erasing: what is left of a memory in the state, which is its id and its times."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest

from engram.model.commands import AdoptEmbedder, Command, Erase, Forget, Reembed, Remember
from engram.model.errors import MemoryNotFound
from engram.model.ids import MemoryId
from engram.state.apply import apply
from engram.state.columns import PAGE_ROWS
from engram.state.decide import decide
from engram.state.digest import digest
from engram.state.outcomes import Decision
from engram.state.space import SpaceState

MARKER = b"the secret of the third drawer"
VECTOR = struct.pack("<2f", 0.123, 0.456)
NEW_VECTOR = struct.pack("<2f", 0.789, 0.321)


def _memory(content: bytes, vector: bytes, chance: int) -> Remember:
    return Remember(
        content=content,
        content_key=int.from_bytes(content[:8], "little"),
        kind=0,
        confidence=1.0,
        occurred_at=None,
        source="him",
        session=None,
        tags=("t",),
        metadata=b'{"x":"' + content + b'"}',
        vector=vector,
        inverse_norm=2.0,
        embedder="",
        chance=bytes([chance]) * 10,
    )


def _run(state: SpaceState, *commands: Command) -> Decision:
    decision = decide(state, "s", commands, 1_000)
    for event, vectors in decision.events:
        apply(state, event, vectors, state.lsn + 1)
    return decision


def _filled() -> tuple[SpaceState, MemoryId]:
    state = SpaceState()
    other = _memory(b"somebody else's", struct.pack("<2f", 9, 9), 2)
    outcome = _run(state, _memory(MARKER, VECTOR, 1), other).outcomes[0]
    assert isinstance(outcome.ids, tuple)
    return state, outcome.ids[0]


def _all_bytes(state: SpaceState) -> Iterator[bytes]:
    hot = state.hot
    columns = [*state.columns.values(), state.tags, hot.rows, hot.norms]
    columns += [each for each in (hot.vectors,) if each is not None]
    for staged in state.staged.values():
        columns += [staged.vectors, staged.norms]
    for column in columns:
        # What lies behind the last row is whatever the allocator left there.
        for number, page in enumerate(column.pages):
            yield page[: column.count - number * PAGE_ROWS].tobytes()
    for arena in (hot.contents, hot.metadata):
        yield from (bytes(arena.chunk(number)) for number in range(len(arena.sizes)))


def _holds(state: SpaceState, *secrets: bytes) -> bool:
    return any(secret in data for data in _all_bytes(state) for secret in secrets)


@pytest.mark.parametrize("forgotten_first", [False, True])
def test_no_byte_of_an_erased_memory_stays_in_the_state(forgotten_first: bool) -> None:
    state, secret = _filled()
    raw = np.array([secret], "<u8").tobytes()
    _run(state, Reembed(raw, "new", 2, struct.pack("<f", 1), NEW_VECTOR))
    assert _holds(state, MARKER)
    assert _holds(state, VECTOR)
    assert _holds(state, NEW_VECTOR)
    if forgotten_first:
        _run(state, Forget(secret))
    _run(state, Erase((secret,)))
    assert not _holds(state, MARKER, VECTOR, NEW_VECTOR)
    view = state.view()
    assert (view.count, view.forgotten_count, view.vector_count) == (2, 1, 1)
    assert view.content(1) == "somebody else's"
    assert view.tags_of(1) == ("t",)


def test_erasing_again_changes_nothing_and_is_no_error() -> None:
    state, secret = _filled()
    assert _run(state, Erase((secret, secret))).outcomes[0].created == (True,)
    again = _run(state, Erase((secret,)))
    assert not again.events
    assert again.outcomes[0].created == (False,)
    assert len(state.erasures) == 1
    assert state.erasures.lsn_last() == 2


def test_an_unknown_memory_is_refused_and_none_is_erased() -> None:
    state, secret = _filled()
    outcome = _run(state, Erase((secret, MemoryId(1, 2)))).outcomes[0]
    assert isinstance(outcome.refusal, MemoryNotFound)
    assert _holds(state, MARKER)


def test_the_erased_text_may_be_remembered_anew() -> None:
    state, secret = _filled()
    _run(state, Erase((secret,)))
    outcome = _run(state, _memory(MARKER, VECTOR, 3)).outcomes[0]
    assert outcome.created == (True,)
    assert outcome.ids != (secret,)


def test_an_erased_memory_gets_no_vector_of_another_embedder() -> None:
    state, secret = _filled()
    other = MemoryId(
        *map(int, (state.columns["id_high"].value(1), state.columns["id_low"].value(1)))
    )
    raw = np.array([secret, other], "<u8").tobytes()
    _run(state, Reembed(raw, "new", 2, struct.pack("<2f", 1, 1), NEW_VECTOR + VECTOR))
    _run(state, Erase((secret,)))
    assert _run(state, AdoptEmbedder("new", 2)).outcomes[0].refusal is None
    assert state.vector_count == 1
    assert not _holds(state, NEW_VECTOR)


def test_what_only_copies_hold_is_noted_once_and_changes_no_row() -> None:
    """Asked for without that, it is refused; a replay leads to the same."""
    state, secret = _filled()
    gone = MemoryId(1, 2)
    refused = _run(state, Erase((gone,))).outcomes[0].refusal
    assert isinstance(refused, MemoryNotFound)
    before = (state.count, state.forgotten_count)
    decision = _run(state, Erase((gone,), gone_too=True))
    assert decision.outcomes[0].created == (True,)
    assert (state.count, state.forgotten_count) == before
    assert state.erasures.holds(*gone)
    assert not _run(state, Erase((gone,), gone_too=True)).events
    both = _run(state, Erase((gone, secret), gone_too=True))
    assert both.outcomes[0].created == (False, True)
    again, _ = _filled()
    for done in (decision, both):
        for event, vectors in done.events:
            apply(again, event, vectors, again.lsn + 1)
    assert digest(again) == digest(state)
