"""Bytes of the events that came with associations, opened for ever: never rewrite these files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engram.model.events import (
    Associated,
    Consolidated,
    Dissociated,
    Event,
    Linked,
    LinkedLate,
    decode,
    encode,
)

EDGES = Path(__file__).parent / "edges"
IDS = struct.pack("<4Q", 1, 2, 3, 4)
ENDS = struct.pack("<4Q", 3, 4, 1, 2)

EVENTS: list[tuple[str, Event]] = [
    (
        "event-9-associated.bin",
        Associated(
            count=2,
            sources=IDS,
            targets=ENDS,
            kinds=b"\0\1",
            flags=b"\2\0",
            weights=struct.pack("<2f", 0.5, 1.0),
            confidences=struct.pack("<2f", 1.0, 0.25),
            whys=struct.pack("<2I", 0, 1),
            labels=["one follows from the other"],
            at=5,
        ),
    ),
    ("event-16-consolidated.bin", Consolidated(7, IDS, None, None)),
    (
        "event-17-linked.bin",
        Linked(
            through=struct.pack("<2Q", 3, 4),
            at=7,
            associated=Associated(
                count=1,
                sources=struct.pack("<2Q", 3, 4),
                targets=struct.pack("<2Q", 1, 2),
                kinds=b"\0",
                flags=b"\2",
                weights=struct.pack("<f", 0.5),
                confidences=struct.pack("<f", 1.0),
                whys=struct.pack("<I", 1),
                labels=["near duplicate"],
                at=7,
            ),
        ),
    ),
    ("event-19-linked-late.bin", LinkedLate(struct.pack("<2Q", 3, 4), 7, None)),
    ("event-10-dissociated.bin", Dissociated(IDS, ENDS, b"\0\1", 6)),
]


@pytest.mark.parametrize(("name", "event"), EVENTS)
def test_an_event_about_edges_is_read_as_it_was_written(name: str, event: Event) -> None:
    payload = (EDGES / name).read_bytes()
    read, vectors = decode(int(name.split("-")[1]), payload)
    assert (read, bytes(vectors)) == (event, b"")


@pytest.mark.parametrize(("name", "event"), EVENTS)
def test_an_event_about_edges_is_still_written_so(name: str, event: Event) -> None:
    kind, buffers = encode(event)
    assert f"event-{kind}-" in name
    assert b"".join(buffers) == (EDGES / name).read_bytes()
