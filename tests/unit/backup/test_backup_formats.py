"""The bytes of objects, chunks of the log and manifests: round trips, and every byte damaged."""

from __future__ import annotations

import msgspec
import pytest
import zstandard

from engram.backup.limits import OBJECT_BYTES_MAX
from engram.backup.log_archive import archived_in
from engram.backup.log_chunk import decode_chunk, encode_chunk
from engram.backup.manifest import (
    FileEntry,
    LogEntry,
    Manifest,
    SpaceEntry,
    decode_manifest,
    encode_manifest,
)
from engram.backup.objects import Unreadable, address_in, address_of, object_name, pack, unpack
from engram.wal.protocol import Record

RECORDS = [Record(7, 1, 0, b"one"), Record(8, 3, 255, b""), Record(9, 2, 1, b"three" * 9)]
ADDRESS = address_of(b"x")
MANIFEST = Manifest(
    "b1",
    123,
    "00" * 16,
    [
        SpaceEntry(
            "default",
            9,
            "d" * 64,
            2,
            120,
            6,
            100,
            [FileEntry("hot/1.part", 1, ADDRESS, [ADDRESS])],
            [LogEntry(7, 9, 120, ADDRESS, 99)],
        )
    ],
)


def damaged(data: bytes) -> list[bytes]:
    """Return the bytes with each byte flipped in turn, and cut at each place."""
    flips = [data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :] for at in range(len(data))]
    return flips + [data[:at] for at in range(len(data))] + [data + b"\0"]


@pytest.mark.parametrize("data", [b"", b"short", b"again " * 10_000, bytes(range(256)) * 300])
def test_an_object_comes_back_as_it_was_and_shorter_where_it_can_be(data: bytes) -> None:
    packed = b"".join(pack(data))
    assert unpack(address_of(data), packed) == data
    assert len(packed) <= len(data) + 1
    assert (packed[:1] == b"\1") == (len(packed) < len(data))


@pytest.mark.parametrize("data", [b"short", b"again " * 50])
def test_no_damaged_byte_of_an_object_goes_unnoticed(data: bytes) -> None:
    for bad in damaged(b"".join(pack(data))):
        try:
            found = unpack(address_of(data), bad)
        except Unreadable:
            continue
        # zstd ignores a few bits of its header; then the content is as it was.
        assert found == data


def test_an_object_that_claims_too_much_is_not_allocated() -> None:
    frame = bytearray(zstandard.ZstdCompressor().compress(b"x" * 100_000))
    huge = zstandard.ZstdCompressor().compressobj(size=OBJECT_BYTES_MAX + 1)
    start = huge.compress(b"x") + huge.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    assert zstandard.frame_content_size(bytes(frame)) == 100_000
    with pytest.raises(Unreadable, match="claims to hold"):
        unpack(ADDRESS, b"\1" + start)


def test_only_the_name_of_an_object_is_read_as_one() -> None:
    assert address_in(object_name(ADDRESS)) == ADDRESS
    assert address_in(f"{object_name(ADDRESS)}.0123.part") is None
    assert address_in(f"objects/zz/{ADDRESS}.chunk") is None


def test_records_come_back_as_they_were() -> None:
    assert decode_chunk(encode_chunk(RECORDS)) == RECORDS


def test_no_damaged_byte_of_a_log_chunk_goes_unnoticed() -> None:
    for bad in damaged(encode_chunk(RECORDS)):
        with pytest.raises(Unreadable):
            decode_chunk(bad)


def test_a_manifest_comes_back_as_it_was() -> None:
    assert decode_manifest("b1", encode_manifest(MANIFEST)) == MANIFEST


def test_no_damaged_byte_of_a_manifest_goes_unnoticed() -> None:
    for bad in damaged(encode_manifest(MANIFEST)):
        with pytest.raises(Unreadable):
            decode_manifest("b1", bad)


def test_a_manifest_that_names_what_cannot_be_is_refused() -> None:
    """Whole by its digest, and yet nothing this release wrote."""
    (space,) = MANIFEST.spaces
    odd = FileEntry("hot/1.part", 1, ADDRESS, ["../../etc"])
    for bad in (
        msgspec.structs.replace(space, space="Not an id"),
        msgspec.structs.replace(space, files=[odd]),
    ):
        manifest = msgspec.structs.replace(MANIFEST, spaces=[bad])
        with pytest.raises(Unreadable):
            decode_manifest("b1", encode_manifest(manifest))


def test_a_reference_to_copied_records_is_read_from_its_name_alone() -> None:
    name = f"logs/{'ab' * 16}/trips/{7:020d}-{9:020d}-100-120-99-{ADDRESS}.log"
    found = archived_in(name)
    assert found is not None
    assert (found.space, found.previous_time) == ("trips", 100)
    assert found.entry == LogEntry(7, 9, 120, ADDRESS, 99)
    assert archived_in(f"{name}.part") is None
    assert archived_in(name.replace("trips", "..")) is None
