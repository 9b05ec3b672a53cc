"""Texts of which nothing else is said are decided about in columns as any other group."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.model.collecting import collect
from engram.model.commands import Remember
from engram.model.events import Remembered, encode
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.digest import digest
from engram.state.outcomes import Decision, FreshOutcomes
from engram.state.plain import decide_plain
from engram.state.space import SpaceState
from engram.testing.strategies import content_key

_NOW = 1_700_000_000_000_999_990  # within 10 ns of the next millisecond
_FEW = 16


def _plain(number: int, *, dimensions: int, confidence: float) -> Remember:
    content = f"text {number}".encode() if number else b""
    vector = [1.0] * dimensions
    return Remember(
        content=content,
        content_key=content_key(content),
        kind=0,
        confidence=confidence,
        occurred_at=None,
        source=None,
        session=None,
        tags=(),
        metadata=b"",
        vector=struct.pack(f"<{dimensions}f", *vector),
        inverse_norm=1 / math.sqrt(dimensions) if dimensions else math.nan,
        embedder="",
        chance=number.to_bytes(10, "little"),
        is_plain=True,
    )


@st.composite
def _groups(draw: st.DrawFn) -> list[Remember]:
    """Draw groups that are mostly new texts with vectors of one length, but not always."""
    numbers = draw(st.permutations(range(1, 60)))[: draw(st.integers(_FEW, 30))]
    dimensions = draw(st.sampled_from([0, 2, 2, 2]))
    group = [_plain(number, dimensions=dimensions, confidence=number / 64) for number in numbers]
    odd = draw(st.sampled_from([None, None, "text", "length", "empty"]))
    if odd == "text":
        group.append(group[0])
    elif odd == "length":
        group.append(_plain(61, dimensions=3, confidence=1.0))
    elif odd == "empty":
        group.append(_plain(0, dimensions=2, confidence=1.0))
    return group


def _applied(state: SpaceState, decision: Decision) -> None:
    for event, vectors in decision.events:
        apply(state, event, vectors, state.lsn + 1)


def _one_by_one(group: Sequence[Remember]) -> list[Remember]:
    return [msgspec.structs.replace(each, is_plain=False) for each in group]


@settings(max_examples=60, deadline=None)
@given(before=_groups(), group=_groups())
def test_a_plain_group_becomes_the_same_events_as_any_other(
    before: list[Remember], group: list[Remember]
) -> None:
    states = SpaceState(), SpaceState()
    for state, commands in zip(states, (before, _one_by_one(before)), strict=True):
        _applied(state, decide(state, "s", commands, _NOW))
    plain, other = (
        decide(state, "s", commands, _NOW + 100)
        for state, commands in zip(states, (group, _one_by_one(group)), strict=True)
    )
    assert plain.taken == other.taken
    for mine, theirs in zip(plain.outcomes, other.outcomes, strict=True):
        assert (mine.ids, mine.created) == (theirs.ids, theirs.created)
        assert str(mine.refusal) == str(theirs.refusal)
    written = [
        [(kind, b"".join(buffers)) for kind, buffers in (encode(*each) for each in decision.events)]
        for decision in (plain, other)
    ]
    assert written[0] == written[1]
    for state, decision in zip(states, (plain, other), strict=True):
        _applied(state, decision)
    assert digest(states[0]) == digest(states[1])


@settings(max_examples=60, deadline=None)
@given(before=_groups(), group=_groups())
def test_what_is_decided_behind_a_group_is_what_is_decided_after_it(
    before: list[Remember], group: list[Remember]
) -> None:
    state = SpaceState()
    _applied(state, decide(state, "s", [_plain(99, dimensions=2, confidence=1.0)], _NOW))
    first = decide_plain(state, "s", before, _NOW + 1)
    event = None if first is None else first.events[0][0]
    if first is None or not isinstance(event, Remembered):
        return
    ahead = decide_plain(state, "s", group, _NOW + 5, before=event)
    _applied(state, first)
    then = decide_plain(state, "s", group, _NOW + 5 if ahead is None else _after(event, _NOW + 5))
    shared = {each.content_key for each in group} & {each.content_key for each in before}
    if shared or then is None or event.dimensions != state.dimensions:
        assert ahead is None
    else:
        assert ahead is not None
        assert [encode(*each) for each in ahead.events] == [encode(*each) for each in then.events]


def _after(event: Remembered, now: int) -> int:
    return max(now, int.from_bytes(event.recorded_at[-8:], "little", signed=True) + 1)


@given(_groups())
def test_plain_memories_are_collected_as_any_others(group: list[Remember]) -> None:
    assert collect(group, "e", 2) == collect(_one_by_one(group), "e", 2)


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), min_size=1))
def test_fresh_outcomes_show_what_each_memory_is_called(halves: list[tuple[int, int]]) -> None:
    outcomes = FreshOutcomes(b"".join(struct.pack("<QQ", *each) for each in halves))
    shown = [outcomes.id_text(position) for position in range(len(outcomes))]
    assert shown == [str(outcome.ids[0]) for outcome in outcomes]
    assert [outcomes[position] for position in range(len(outcomes))] == list(outcomes)
    assert outcomes[1:] == list(outcomes)[1:]
