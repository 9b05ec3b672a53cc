"""Bytes of backups of version 1, read for ever: never rewrite these files."""

from __future__ import annotations

from pathlib import Path

from engram.backup.log_chunk import decode_chunk, encode_chunk
from engram.backup.manifest import (
    FileEntry,
    LogEntry,
    Manifest,
    SpaceEntry,
    decode_manifest,
    encode_manifest,
)
from engram.backup.objects import pack, unpack
from engram.wal.protocol import Record

V1 = Path(__file__).parent / "v1"
RECORDS = [Record(7, 1, 0, b"one"), Record(8, 3, 255, b""), Record(9, 2, 1, bytes(range(40)))]
ADDRESS = "0fb6b24aa8f1a70ba30a2a4bdb7de3ecc9ee0e3a0da48f1a9ec0bb63fb91cd55"
RAW = "4a495ba42461748eca8fdad618f976aa726cc2903de9fcb40735a786ac1c196b"
ZSTD = "a73f1855e5340f47eb6ff6148d00dda535851cd19f9e1c7b5a4f2e776c661fee"
MANIFEST = Manifest(
    "20231114T221320Z-0a0b0c0d",
    1_700_000_000_000_000_000,
    "000102030405060708090a0b0c0d0e0f",
    [
        SpaceEntry(
            space="default",
            lsn=9,
            digest="ab" * 32,
            memories=2,
            recorded_last=1_699_999_999_000_000_000,
            base_lsn=6,
            base_time=1_699_999_998_000_000_000,
            files=[FileEntry("hot/1.part", 17, ADDRESS, [ADDRESS])],
            log=[LogEntry(7, 9, 1_699_999_999_000_000_000, ADDRESS, 99)],
        )
    ],
)


def test_a_chunk_of_the_log_of_version_1_is_still_written_and_read() -> None:
    golden = (V1 / "backup-log.bin").read_bytes()
    assert encode_chunk(RECORDS) == golden
    assert decode_chunk(golden) == RECORDS


def test_a_manifest_of_version_1_is_still_written_and_read() -> None:
    golden = (V1 / "backup.manifest").read_bytes()
    assert encode_manifest(MANIFEST) == golden
    assert decode_manifest(MANIFEST.id, golden) == MANIFEST


def test_objects_of_version_1_are_still_read() -> None:
    """A frame of zstd need not be written the same for ever, only read."""
    name = "backup-object-%s.bin"
    raw, zstd = ((V1 / (name % kind)).read_bytes() for kind in ("raw", "zstd"))
    assert unpack(RAW, raw) == bytes(range(256))
    assert b"".join(pack(bytes(range(256)))) == raw
    assert unpack(ZSTD, zstd) == b"again and " * 100
