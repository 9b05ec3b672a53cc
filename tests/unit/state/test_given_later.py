"""Vectors that come with a text which is stored without one; texts whose bodies are sealed."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from engram.model.collecting import collect
from engram.model.commands import Command, Remember, Request
from engram.model.errors import DimensionMismatch
from engram.model.events import decode, encode
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.digest import digest
from engram.state.lone import may_block
from engram.state.moves import Move
from engram.state.outcomes import Outcome
from engram.state.space import SpaceState
from engram.testing.sealed import sealed_in_memory

ONE = struct.pack("<2f", 3.0, 4.0)
OTHER = struct.pack("<2f", 5.0, 12.0)


def _text(content: bytes, vector: bytes = b"", request: Request | None = None) -> Remember:
    key, chance = int.from_bytes(content, "little"), content.ljust(10, b"\0")
    norm = 1 / np.linalg.norm(np.frombuffer(vector, "<f4")).item() if vector else math.nan
    return Remember(
        content, key, 0, 1.0, None, None, None, (), b"", vector, norm, "", chance, request
    )


class _Space:
    def __init__(self) -> None:
        self.state, self.log = SpaceState(), list[tuple[int, bytes]]()

    def commit(self, *commands: Command) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while len(outcomes) < len(commands):
            decision = decide(self.state, "s", commands[len(outcomes) :], 1_000)
            outcomes += decision.outcomes
            for event, vectors in decision.events:
                kind, buffers = encode(event, vectors)
                self.log.append((kind, b"".join(buffers)))
                apply(self.state, event, vectors, self.state.lsn + 1)
        return outcomes

    def vector(self, row: int) -> bytes:
        return self.state.view().vectors_of(np.array([row], np.uint32)).tobytes()

    def replayed(self) -> SpaceState:
        state = SpaceState()
        for lsn, (kind, payload) in enumerate(self.log, start=1):
            apply(state, *decode(kind, payload), lsn)
        return state


@pytest.mark.parametrize("request_key", [None, Request((1, 2), 3)])
@pytest.mark.parametrize("bulk", [False, True])
def test_a_known_text_takes_the_first_vector_given_with_it(
    request_key: Request | None, bulk: bool
) -> None:
    space = _Space()
    space.commit(_text(b"a"), _text(b"b"))
    items = [_text(b"a", ONE), _text(b"c", OTHER), _text(b"a", OTHER)]
    if bulk:
        batch = collect(items, "", 2)
        batch.request = request_key
        created = np.asarray(space.commit(batch)[0].created).tolist()
    else:
        items[0].request = request_key
        created = [bool(each.created[0]) for each in space.commit(*items)]
    assert created == [False, True, False]
    assert (space.vector(0), space.vector(2)) == (ONE, OTHER)
    assert space.state.vector_count == 2
    space.commit(_text(b"a", OTHER))
    assert space.vector(0) == ONE, "a vector that is there stays"
    assert digest(space.replayed()) == digest(space.state)


def test_a_twin_in_one_group_gives_the_first_its_vector() -> None:
    space = _Space()
    outcomes = space.commit(_text(b"a"), _text(b"a", ONE))
    assert [each.created for each in outcomes] == [(True,), (False,)]
    assert space.vector(0) == ONE


def test_a_vector_of_another_length_is_refused_and_nothing_is_seen() -> None:
    space = _Space()
    space.commit(_text(b"a"), _text(b"b", ONE))
    refusal = space.commit(_text(b"a", ONE + ONE))[0].refusal
    assert isinstance(refusal, DimensionMismatch)
    assert int(space.state.columns["seen_count"].value(0)) == 1


def test_a_sealed_text_takes_a_vector_too_and_keeps_its_text() -> None:
    space = _Space()
    space.commit(_text(b"a"), _text(b"b", ONE))
    view = space.state.view()
    assert Move(view, [sealed_in_memory(view, [0, 1], 1)]).swap(space.state)
    space.commit(_text(b"a", OTHER))
    assert (space.vector(0), space.vector(1)) == (OTHER, ONE)
    assert space.state.view().content(0) == "a"


def test_deciding_blocks_only_where_a_known_text_is_sealed() -> None:
    space = _Space()
    space.commit(_text(b"a"), _text(b"b"))
    assert not may_block(space.state, [_text(b"a")])
    view = space.state.view()
    assert Move(view, [sealed_in_memory(view, [0], 1)]).swap(space.state)
    assert may_block(space.state, [_text(b"x"), _text(b"a")])
    assert not may_block(space.state, [_text(b"x"), _text(b"b"), _text(b"", ONE)])
    assert space.commit(_text(b"a"))[0].created == (False,)


def test_a_vector_given_later_is_sealed_and_its_first_slot_forgotten() -> None:
    """The slot a memory had before it was given a vector takes nothing from it."""
    space = _Space()
    space.commit(_text(b"a"), _text(b"b", OTHER))
    space.commit(_text(b"a", ONE))
    assert space.state.hot.count == 3
    assert Move(space.state.view(), [sealed_in_memory(space.state.view(), [0], 1)]).swap(
        space.state
    )
    assert space.state.hot.count == 1
    assert (space.vector(0), space.vector(1)) == (ONE, OTHER)
