"""The directories of a store's spaces: which there are, and how one comes and goes as a whole."""

from __future__ import annotations

from typing import Final

from engram.model.errors import InvalidRequest, StorageFailed
from engram.model.ids import check_space_id
from engram.ports import Entropy, Filesystem

# A dropped space is renamed out of sight first, a restored one is built out of sight; what a crash
# leaves of either is removed at the next start.
_DROPPED: Final = ".dropped-"
_RESTORING: Final = ".restoring-"
# What is replaced waits under this name, a token and its own until the other is in its place.
_REPLACED: Final = ".replaced-"
_TOKEN_BYTES: Final = 8


class SpaceDirectories:
    """Names, renames and removes the directories of spaces; every call blocks."""

    def __init__(self, filesystem: Filesystem, entropy: Entropy) -> None:
        self._filesystem = filesystem
        self._entropy = entropy

    def hidden_name(self) -> str:
        """Return the name of a directory in which a space may be built out of sight."""
        return f"{_RESTORING}{self._entropy.token(_TOKEN_BYTES).hex()}"

    def names(self) -> list[str]:
        """Return the ids of all spaces; StorageFailed when the store's directory cannot be read."""
        found = []
        for name in self._filesystem.list(""):
            try:
                check_space_id(name)
            except InvalidRequest:
                continue
            try:
                is_space = bool(self._filesystem.list(f"{name}/wal"))
            except StorageFailed:
                # One that cannot be read is not hidden: opening it says why.
                is_space = True
            if is_space:
                found.append(name)
        return found

    def put_in_place(self, hidden: str, space: str) -> None:
        """Give a hidden directory its name, in the place of a space that had it."""
        gone = None
        if self._filesystem.list(space):
            gone = f"{_REPLACED}{self._entropy.token(_TOKEN_BYTES).hex()}-{space}"
            self._filesystem.rename(space, gone)
            # Were the next rename durable without this one, its target would not be free.
            self._filesystem.sync_directory("")
        self._filesystem.rename(hidden, space)
        self._filesystem.sync_directory("")
        if gone is not None:
            self._remove_tree(gone)

    def remove_hidden(self, hidden: str) -> None:
        """Remove a hidden directory; harmless when it is not there."""
        if hidden in self._filesystem.list(""):
            self._remove_tree(hidden)

    def remove(self, space: str) -> None:
        """Remove a space with all its bytes: out of sight first, so that none is half there."""
        gone = f"{_DROPPED}{self._entropy.token(_TOKEN_BYTES).hex()}"
        self._filesystem.rename(space, gone)
        self._filesystem.sync_directory("")
        self._remove_tree(gone)

    def sweep(self) -> None:
        """Remove what dropping or restoring a space left behind when it was interrupted."""
        hidden = (_DROPPED, _REPLACED, _RESTORING)
        left = [name for name in self._filesystem.list("") if name.startswith(hidden)]
        if not left:
            return
        try:
            # A drop that was killed may not have made the new name durable. Were files removed
            # before it is, a power loss could bring the space back under its old name without them.
            self._filesystem.sync_directory("")
            for name in left:
                space = name.removeprefix(_REPLACED)[2 * _TOKEN_BYTES + 1 :]
                if name.startswith(_REPLACED) and not self._filesystem.list(space):
                    # Nothing took its place any more.
                    self._filesystem.rename(name, space)
                    self._filesystem.sync_directory("")
                else:
                    self._remove_tree(name)
        except StorageFailed:
            # The next start tries again: what nobody sees must not keep the spaces from serving.
            return

    def _remove_tree(self, path: str) -> None:
        try:
            self._filesystem.remove(path)
        except StorageFailed as failure:
            try:
                inside = self._filesystem.list(path)
            except StorageFailed:  # it is a file
                raise failure from None
            if not inside:
                raise
        else:
            return
        for name in inside:
            self._remove_tree(f"{path}/{name}")
        self._filesystem.remove(path)
