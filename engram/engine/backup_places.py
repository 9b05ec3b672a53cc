"""Where backups of a store were made to, kept with the store.

An erasure reaches no copy elsewhere, so it must be able to name every place that may hold one. A
place is noted before the first byte goes there, and stays noted: nobody tells the store when a
backup is thrown away.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import Final

import msgspec

from engram.model.decoders import json_decoder
from engram.model.errors import Overloaded, StorageFailed
from engram.model.limits import BACKUP_PLACES_BYTES_MAX
from engram.ports import Filesystem

DIRECTORY: Final = "BACKUPS"
"""In capitals, so that no memory space has its name."""

_PATH: Final = f"{DIRECTORY}/places.json"
_NEW_PATH: Final = f"{DIRECTORY}/places.json.new"


class _Places(msgspec.Struct):
    """What the file holds."""

    places: list[str]


class BackupPlaces:
    """The list of one store. Every call blocks; safe to use from several threads."""

    def __init__(self, filesystem: Filesystem) -> None:
        self._filesystem = filesystem
        self._lock = Lock()

    def all(self) -> tuple[str, ...]:
        """Return every place, in the order of the first backups.

        A list that is damaged is one of them itself: it may have held others.
        """
        try:
            return tuple(self._read().places)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return (f"those that {_PATH} named, which is damaged",)

    def note(self, place: str) -> None:
        """Note a place durably, as a whole or not at all; harmless when repeated.

        Raises:
            Overloaded: the list is full.
            StorageFailed: the medium refused; the list is as it was.
        """
        with self._lock:
            known = self.all()
            if place in known:
                return
            data = msgspec.json.encode(_Places([*known, place]))
            if len(data) > BACKUP_PLACES_BYTES_MAX:
                raise Overloaded("backup_places_bytes_max", BACKUP_PLACES_BYTES_MAX)
            self._write(data)

    def _read(self) -> _Places:
        try:
            handle = self._filesystem.open(_PATH)
        except FileNotFoundError:
            return _Places([])
        try:
            data = self._filesystem.read_at(handle, 0, BACKUP_PLACES_BYTES_MAX)
        finally:
            handle.close()
        return json_decoder(_Places).decode(data)

    def _write(self, data: bytes) -> None:
        filesystem = self._filesystem
        with suppress(StorageFailed, FileNotFoundError):  # of a crash; creating says what is wrong
            filesystem.remove(_NEW_PATH)
        handle = filesystem.create_exclusive(_NEW_PATH)
        try:
            filesystem.write_at(handle, 0, [data])
            filesystem.sync(handle)
        finally:
            handle.close()
        filesystem.rename(_NEW_PATH, _PATH)
        filesystem.sync_directory(DIRECTORY)
        filesystem.sync_directory("")
