"""Bytes of format version 1, opened for ever: never rewrite these files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engram.model.details import Details, Episode, joined, taken_apart
from engram.model.errors import InvariantViolated, UnknownEvent
from engram.model.events import (
    Accessed,
    Answered,
    Configured,
    EmbedderAdopted,
    Erased,
    Event,
    Forgotten,
    Fulfilled,
    Reembedded,
    Remembered,
    Revectored,
    Reviewed,
    SeenAgain,
    Suppressed,
    decode,
    encode,
    pack,
)
from engram.model.particulars import ENTITY, FACT_KEY, ParticularColumns

V1 = Path(__file__).parent / "v1"
ID = struct.pack("<QQ", 1, 2)
ONE = struct.pack("<f", 1.0)
DETAILS = b'[{"episode":{"who":["Ada"]},"confidence_reason":"seen"},{"a":1}]'

SHORTER = {"event-1-remembered.bin"}
"""Written before its event had all of its fields: read for ever, written no more."""

EVENTS: list[tuple[str, Event, bytes]] = [
    (
        "event-1-remembered.bin",
        Remembered(
            count=1,
            ids=struct.pack("<QQ", 0x018BCFE568007662, 0xA7A97C65C1E582E2),
            recorded_at=struct.pack("<q", 1_700_000_000_000_000_000),
            occurred_at=struct.pack("<q", -5),
            dated=b"\1",
            kinds=b"\2",
            confidences=struct.pack("<f", 0.5),
            stabilities=struct.pack("<f", 2.5),
            difficulties=struct.pack("<f", 2.0),
            sources=struct.pack("<I", 1),
            sessions=struct.pack("<I", 0),
            tag_counts=b"\1",
            tags=struct.pack("<I", 2),
            labels=["s", "t"],
            content_keys=struct.pack("<Q", 7),
            content_bytes=struct.pack("<I", 2),
            contents="\u00e4".encode(),
            metadata_bytes=struct.pack("<I", 2),
            metadata=b"{}",
            inverse_norms=ONE,
            dimensions=2,
            embedder="given",
        ),
        struct.pack("<2f", 0.0, 1.0),
    ),
    (
        "event-1-remembered-whole.bin",
        Remembered(
            count=1,
            ids=ID,
            recorded_at=struct.pack("<q", 3),
            occurred_at=struct.pack("<q", 3),
            dated=b"\0",
            kinds=b"\0",
            confidences=ONE,
            stabilities=ONE,
            difficulties=ONE,
            sources=struct.pack("<I", 0),
            sessions=struct.pack("<I", 0),
            tag_counts=b"\3",
            tags=struct.pack("<3I", 1, 2 | ENTITY, 3 | FACT_KEY),
            labels=["tag", "Ada", "ada.home"],
            content_keys=struct.pack("<Q", 7),
            content_bytes=struct.pack("<I", 1),
            contents=b"a",
            metadata_bytes=struct.pack("<I", len(DETAILS)),
            metadata=DETAILS,
            inverse_norms=struct.pack("<I", 0x7FC00000),
            dimensions=0,
            embedder="",
            particulars=ParticularColumns(b"\x09", struct.pack("<q", 4), ID),
            linked=b"\1",
            link_weights=struct.pack("<4f", 0.5, 0.75, 0.25, 0.125),
        ),
        b"",
    ),
    ("event-2-seen_again.bin", SeenAgain(ID, 3), b""),
    ("event-3-forgotten.bin", Forgotten(ID, 3), b""),
    ("event-4-reembedded.bin", Reembedded(ID, "m@1", 2, ONE), struct.pack("<2f", 1.0, 0.0)),
    ("event-5-embedder_adopted.bin", EmbedderAdopted("m@1", 2, 3), b""),
    (
        "event-6-answered.bin",
        Answered(
            at=3,
            keys=struct.pack("<QQ", 5, 6),
            bodies=struct.pack("<Q", 7),
            id_counts=struct.pack("<I", 1),
            ids=ID,
            created=b"\0",
            forgotten=None,
            remembered=None,
            revectored=Revectored(ID, "m@1", 2, ONE),
            seen=SeenAgain(ID, 3),
        ),
        struct.pack("<2f", 1.0, 0.0),
    ),
    ("event-7-erased.bin", Erased(ID, 3), b""),
    ("event-8-revectored.bin", Revectored(ID, "m@1", 2, ONE), struct.pack("<2f", 1.0, 0.0)),
    ("event-11-reviewed.bin", Reviewed(ID, 3, b"\1", ONE, struct.pack("<f", 5.5)), b""),
    (
        "event-12-accessed.bin",
        Accessed(ID, struct.pack("<I", 7), struct.pack("<q", 3)),
        b"",
    ),
    (
        "event-13-configured.bin",
        Configured(
            at=3,
            forgetting="power",
            weights=struct.pack("<2d", 0.5, 0.25),
            beta=0.5,
            fast_hours=1.5,
            slow_hours=24.0,
            fast_share=0.75,
            interference=True,
            priming=False,
        ),
        b"",
    ),
    ("event-15-suppressed.bin", Suppressed(ID, 3, hidden=True), b""),
    (
        "event-18-fulfilled.bin",
        Fulfilled(
            at=3,
            keys=struct.pack("<QQ", 5, 6),
            bodies=struct.pack("<Q", 7),
            id_counts=struct.pack("<I", 1),
            ids=ID,
            created=b"\1",
            events=[pack(Suppressed(ID, 3, hidden=False))],
        ),
        b"",
    ),
]


@pytest.mark.parametrize(("name", "event", "vectors"), EVENTS)
def test_an_event_of_version_1_is_read_as_it_was_written(
    name: str, event: Event, vectors: bytes
) -> None:
    payload = (V1 / name).read_bytes()
    read, read_vectors = decode(int(name.split("-")[1]), payload)
    assert (read, bytes(read_vectors)) == (event, vectors)


@pytest.mark.parametrize(
    ("name", "event", "vectors"), [each for each in EVENTS if each[0] not in SHORTER]
)
def test_an_event_is_still_written_as_version_1(name: str, event: Event, vectors: bytes) -> None:
    kind, buffers = encode(event, vectors)
    assert f"event-{kind}-" in name
    assert b"".join(buffers) == (V1 / name).read_bytes()


@pytest.mark.parametrize("payload", [b"", b"\x09\0\0\0\x90", b"\1\0\0\0\x90", b"\1\0\0\0\xc1"])
def test_a_payload_that_is_no_event_is_a_violated_invariant(payload: bytes) -> None:
    with pytest.raises(InvariantViolated):
        decode(1, payload)


def test_an_event_of_a_later_release_names_the_remedy() -> None:
    with pytest.raises(UnknownEvent, match="upgrade with"):
        decode(200, b"\0\0\0\0")


def test_details_are_kept_before_the_metadata_as_version_1() -> None:
    details = Details(episode=Episode(who=("Ada",)), confidence_reason="seen")
    assert joined(details, b'{"a":1}') == DETAILS
    assert taken_apart(DETAILS) == ({"a": 1}, details)
