"""The file in a store's directory that says which server has it open, and where that listens."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

import msgspec

from engram.adapters.local.filesystem import LocalFilesystem, storage_failed
from engram.engine.store import STORE_FILE
from engram.model.decoders import json_decoder
from engram.model.errors import StoreInUse

# What begins with a dot is no space to the store, whatever else it finds in its directory.
_NAME: Final = ".server.json"


class RunningServer(msgspec.Struct, frozen=True):
    """A server that runs: its process, and where it listens."""

    pid: int
    url: str
    grpc_url: str | None = None
    """Where it takes gRPC, if it does."""


class ServerFile:
    """Written by a server once it listens, removed when it has stopped; every call blocks."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).expanduser().absolute()
        self.path = self._root / _NAME

    def write(self, url: str, grpc_url: str | None = None) -> None:
        """Say that this process serves the store; StorageFailed when the disk refuses."""
        draft = self.path.with_suffix(".draft")
        try:
            draft.write_bytes(msgspec.json.encode(RunningServer(os.getpid(), url, grpc_url)))
            draft.chmod(0o600)
            draft.replace(self.path)
        except OSError as error:
            raise storage_failed("write", self.path, error) from error

    def remove(self) -> None:
        """Say that no server runs; harmless when none did."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_failed("remove", self.path, error) from error

    def read(self) -> RunningServer | None:
        """Return the server that has the store open; None when there is none.

        A file that a killed server left behind names nobody: the store is locked while one runs.
        """
        try:
            found = json_decoder(RunningServer).decode(self.path.read_bytes())
        except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
            return None
        except OSError as error:
            raise storage_failed("read", self.path, error) from error
        return found if self.has_store(found) else None

    def has_store(self, server: RunningServer) -> bool:
        """Whether a server's process has the store open, be it that it is stopping already."""
        try:
            LocalFilesystem(self._root).lock(STORE_FILE).close()
        except StoreInUse as error:
            # Linux tells who holds the lock: another process than the file says is no server.
            return not error.holder or error.holder == f" (pid {server.pid})"
        return False

    def ask_to_stop(self, server: RunningServer) -> None:
        """Send the server the signal it stops at; harmless when it has gone meanwhile."""
        try:
            os.kill(server.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        except OSError as error:
            raise storage_failed("stop the server of", self.path, error) from error
