"""What a backup holds, as written last of all: a line with a digest, then JSON.

Fields are only ever added, with a default; none changes its meaning (docs/formats/backup.md).
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from engram.backup.objects import Unreadable, address_of
from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest
from engram.model.ids import check_space_id

FOLDER: Final = "backups"
SUFFIX: Final = ".manifest"
FORMAT: Final = 1
_FIRST_LINE: Final = re.compile(rb"engram-backup (\d{1,9}) ([0-9a-f]{64})\n")
_FIRST_LINE_BYTES_MAX: Final = 100
_ADDRESS: Final = re.compile("[0-9a-f]{64}")


class FileEntry(msgspec.Struct, frozen=True):
    """One file of a space: its path there, its length, its BLAKE3, its chunks in order."""

    path: str
    bytes_count: int
    digest: str
    chunks: list[str]


class LogEntry(msgspec.Struct, frozen=True):
    """A chunk of the log; `last_time` is when its last record was made, ns since the epoch."""

    first_lsn: int
    last_lsn: int
    last_time: int
    chunk: str
    bytes_count: int


class SpaceEntry(msgspec.Struct, frozen=True):
    """One space at one LSN: the files of its state at `base_lsn`, and the log from there on.

    `recorded_last` is when the record at `lsn` was made, `base_time` the one at `base_lsn`.
    """

    space: str
    lsn: int
    digest: str
    memories: int
    recorded_last: int
    base_lsn: int
    base_time: int
    files: list[FileEntry]
    log: list[LogEntry]

    @property
    def bytes_count(self) -> int:
        """Bytes of its files and of its log, before compression."""
        files = sum(file.bytes_count for file in self.files)
        return files + sum(entry.bytes_count for entry in self.log)

    @property
    def chunks(self) -> list[str]:
        """Addresses of every object it needs, in the order they are read, repeats included."""
        files = [chunk for file in self.files for chunk in file.chunks]
        return files + [entry.chunk for entry in self.log]


class Manifest(msgspec.Struct, frozen=True):
    """One backup: which store, when, and its spaces."""

    id: str
    created_at: int
    store_id: str
    spaces: list[SpaceEntry]

    @property
    def bytes_count(self) -> int:
        """Bytes of all spaces, before compression."""
        return sum(space.bytes_count for space in self.spaces)


_DECODER: Final = json_decoder(Manifest)


def manifest_name(backup_id: str) -> str:
    """Return where the manifest of a backup stands."""
    return f"{FOLDER}/{backup_id}{SUFFIX}"


def id_in(name: str) -> str | None:
    """Return the id of the backup whose manifest stands there, None when it is none."""
    backup_id = name.rpartition("/")[2].removesuffix(SUFFIX)
    return backup_id if name == manifest_name(backup_id) else None


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest."""
    body = msgspec.json.encode(manifest)
    return f"engram-backup {FORMAT} {address_of(body)}\n".encode() + body


def decode_manifest(backup_id: str, data: bytes) -> Manifest:
    """Return the manifest.

    Raises:
        Unreadable: the bytes are not a manifest of this backup, with the reason.
    """
    line = _FIRST_LINE.match(data[:_FIRST_LINE_BYTES_MAX])
    if line is None:
        raise Unreadable("it does not begin like a manifest")
    if int(line[1]) > FORMAT:
        raise Unreadable(
            f"it has format {int(line[1])}, this release reads up to {FORMAT}: upgrade with "
            "`pip install --upgrade engram-memory-engine`"
        )
    body = data[line.end() :]
    if address_of(body).encode() != line[2]:
        raise Unreadable("it fails its digest")
    try:
        manifest = _DECODER.decode(body)
        for space in manifest.spaces:
            check_space_id(space.space)
            if not all(map(_ADDRESS.fullmatch, space.chunks)):
                raise Unreadable("it names an object that cannot be")
    except (msgspec.MsgspecError, InvalidRequest) as exc:
        raise Unreadable(f"it is no manifest: {exc}") from exc
    if manifest.id != backup_id:
        raise Unreadable(f"it is the manifest of backup {manifest.id}")
    return manifest
