"""The file MANIFEST of a space: which snapshots count, in two slots that take turns.

Rule 1: the slot in force is never written; the other one is, and then synced.
Rule 2: of two sound slots the one with the higher generation is in force.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

import google_crc32c
import msgspec

from engram.model.decoders import msgpack_decoder
from engram.model.errors import StoreTooNew, check

if TYPE_CHECKING:
    from engram.ports import Filesystem

MANIFEST_FILE: Final = "MANIFEST"
VERSION: Final = 1
SLOT_BYTES: Final = 4096
_SLOTS: Final = 2
_MAGIC: Final = b"ENGRAMMF"
_COMPLEMENT: Final = 0xFFFFFFFF
# magic, version, version with all bits inverted, generation, bytes of the body
_HEADER: Final = struct.Struct("<8sIIQI")
_CRC: Final = struct.Struct("<I")


class SnapshotName(msgspec.Struct, array_like=True, frozen=True):
    """A snapshot the manifest vouches for; `words_file` is empty when none was saved with it."""

    lsn: int
    file: str
    digest: bytes
    """blake3 of the index file, and through it of every part."""
    words_file: str = ""
    words_digest: bytes = b""


class ManifestBody(msgspec.Struct, array_like=True, frozen=True):
    """What the manifest says: at most two snapshots, oldest first, and what was durable then.

    `remembered` is the log's: how it makes its writes durable on this disk. Of memories erased up
    to `erased_lsn` no byte is left in any file.
    """

    snapshots: tuple[SnapshotName, ...] = ()
    durable_lsn: int = 0
    remembered: str = ""
    erased_lsn: int = 0


_DECODER: Final = msgpack_decoder(ManifestBody)


class _Slot(NamedTuple):
    number: int
    generation: int
    body: ManifestBody


class Manifest:
    """The manifest of one space; made by the first `flip`. Blocking; one thread at a time.

    `identity` is store id and space id, so that a file copied from another space does not count.
    """

    def __init__(self, filesystem: Filesystem, directory: str, identity: bytes) -> None:
        self.path = f"{directory}/{MANIFEST_FILE}"
        self.body = ManifestBody()
        self.is_readable = False
        """Whether a slot is sound; if not, nothing is known about snapshots."""
        self.damaged_offsets: list[int] = []
        """Where slots stand that hold something and are not sound."""
        self._filesystem = filesystem
        self._directory = directory
        self._seed = google_crc32c.value(identity)
        self._generation = 0
        self._slot = _SLOTS - 1
        self._name_is_durable = False

    def read(self) -> None:
        """Read the slot in force; `is_readable` says whether there is one.

        Raises:
            StoreTooNew: a later release wrote it.
            StorageFailed: the medium cannot be read.
        """
        try:
            handle = self._filesystem.open(self.path)
        except FileNotFoundError:
            return
        try:
            data = self._filesystem.read_at(handle, 0, _SLOTS * SLOT_BYTES)
        finally:
            handle.close()
        for number in range(_SLOTS):
            block = data[number * SLOT_BYTES :][:SLOT_BYTES]
            slot = self._decode(number, block)
            if slot is None and block.strip(b"\0"):
                self.damaged_offsets.append(number * SLOT_BYTES)
            if slot is not None and slot.generation > self._generation:
                self._slot, self._generation, self.body = slot
                self.is_readable = True

    def flip(self, body: ManifestBody) -> None:
        """Put `body` in force, durably.

        After a failure the old or the new one may be found at the next opening, so what either
        names must stay; the next `flip` settles it.

        Raises:
            StorageFailed: the medium refused; the old one is still in force here.
        """
        number, generation = (self._slot + 1) % _SLOTS, self._generation + 1
        try:
            handle = self._filesystem.open(self.path)
        except FileNotFoundError:
            handle = self._filesystem.create_exclusive(self.path)
        try:
            self._filesystem.write_at(
                handle, number * SLOT_BYTES, [self._encode(number, generation, body)]
            )
            self._filesystem.sync(handle)
        finally:
            handle.close()
        if not self._name_is_durable:
            self._filesystem.sync_directory(self._directory)
            self._name_is_durable = True
        self._slot, self._generation, self.body = number, generation, body
        self.is_readable = True

    def _encode(self, number: int, generation: int, body: ManifestBody) -> bytes:
        payload = msgspec.msgpack.encode(body)
        header = _HEADER.pack(_MAGIC, VERSION, VERSION ^ _COMPLEMENT, generation, len(payload))
        block = header + payload
        check(len(block) + _CRC.size <= SLOT_BYTES, "what a manifest says fits a slot")
        block += bytes(SLOT_BYTES - _CRC.size - len(block))
        return block + _CRC.pack(self._crc(number, block))

    def _decode(self, number: int, block: bytes) -> _Slot | None:
        """Return what a slot says, None when it is torn, empty, or not of this space."""
        if len(block) < SLOT_BYTES:
            return None
        magic, version, complement, generation, payload_bytes = _HEADER.unpack_from(block)
        if magic != _MAGIC or version ^ complement != _COMPLEMENT:
            return None
        if version > VERSION:
            raise StoreTooNew(self.path, version, VERSION)
        end = SLOT_BYTES - _CRC.size
        (stored,) = _CRC.unpack_from(block, end)
        if stored != self._crc(number, block[:end]) or _HEADER.size + payload_bytes > end:
            return None
        payload = block[_HEADER.size : _HEADER.size + payload_bytes]
        try:
            body = _DECODER.decode(payload)
        except msgspec.MsgspecError:
            return None
        return _Slot(number, generation, body)

    def _crc(self, number: int, block: bytes) -> int:
        """Return the CRC of a block in its slot: one slot copied over the other does not count."""
        return int(google_crc32c.extend(self._seed, bytes([number]) + block))
