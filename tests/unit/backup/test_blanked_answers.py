"""Records of answered requests, cleaned of memories that were erased after a copy was made."""

from __future__ import annotations

import struct

from engram.backup.erasing import blanked
from engram.model.commands import Remember, Request
from engram.model.events import Revectored, decode, encode
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.space import SpaceState
from engram.wal.protocol import Record


def _asked(content: bytes, number: int) -> Remember:
    vector = struct.pack("<2f", number + 0.123, 9)
    chance, request = bytes([number] * 10), Request((number, number), number)
    return Remember(
        content, number, 0, 1.0, None, None, None, (), b"", vector, 0.5, "", chance, request
    )


def test_an_erased_memory_leaves_an_answered_record_with_its_answer() -> None:
    commands = [_asked(b"the secret", 1), _asked(b"somebody else's", 2)]
    decision = decide(SpaceState(), "s", commands, 1_000)
    kind, buffers = encode(*decision.events[0])
    secret = struct.pack("<QQ", *decision.outcomes[0].ids[0])
    record = Record(1, kind, 0, b"".join(buffers))
    assert blanked(record, frozenset([b"\0" * 16])) is record
    clean = blanked(record, frozenset([secret]))
    assert b"the secret" not in clean.payload
    assert struct.pack("<2f", 1.123, 9) not in clean.payload
    state = SpaceState()
    apply(state, *decode(clean.kind, clean.payload), 1)
    view = state.view()
    assert (view.content(0), view.content(1), state.vector_count) == ("", "somebody else's", 1)
    assert state.request_keys.find((1, 1), 1_000) is None
    assert state.request_keys.find((2, 2), 1_000) is not None


def test_memories_whose_labels_all_left_keep_room_for_their_tags() -> None:
    tagged = [
        Remember(text, 0, 0, 1.0, None, None, None, tags, b"", b"", 0.5, "", bytes([number] * 10))
        for number, (text, tags) in enumerate([(b"a", ("x", "y")), (b"b", ("z",)), (b"c", ("w",))])
    ]
    state, clean = SpaceState(), SpaceState()
    first = decide(state, "s", tagged[:2], 1_000)
    kind, buffers = encode(*first.events[0])
    ids = frozenset(struct.pack("<QQ", *outcome.ids[0]) for outcome in first.outcomes)
    record = blanked(Record(1, kind, 0, b"".join(buffers)), ids)
    apply(clean, *decode(record.kind, record.payload), 1)
    assert clean.tags.count == 3
    after = decide(clean, "s", tagged[2:], 2_000)
    apply(clean, *after.events[0], 2)
    view = clean.view()
    assert [view.tags_of(row) for row in range(3)] == [("", ""), ("",), ("w",)]


def test_a_vector_given_later_leaves_with_its_erased_memory() -> None:
    ids = [struct.pack("<QQ", n, n) for n in (1, 2)]
    event = Revectored(b"".join(ids), "given", 1, struct.pack("<2f", 1, 2))
    kind, buffers = encode(event, struct.pack("<2f", 1, 0.5))
    clean = blanked(Record(1, kind, 0, b"".join(buffers)), frozenset(ids[:1]))
    left, vectors = decode(clean.kind, clean.payload)
    assert left == Revectored(ids[1], "given", 1, struct.pack("<f", 2))
    assert bytes(vectors) == struct.pack("<f", 0.5)
