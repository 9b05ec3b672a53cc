"""Backups in anything fsspec has a file system for: S3 and its like, memory, other machines.

Every error of fsspec and of what stands behind it is translated here, in `_translated`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import fsspec

from engram.model.errors import ArchiveUnavailable, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engram.ports import Entropy, ReadableBuffer

_TEMPORARY: Final = ".part"
_TOKEN_BYTES: Final = 8
# Where an upload becomes visible whole or not at all; elsewhere it is written beside and moved.
_ATOMIC: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "memory"})
_S3: Final = frozenset({"s3", "s3a"})


class RemoteArchive:
    """ArchiveStore under an fsspec URL such as `s3://bucket/folder`.

    Credentials and endpoint are those of the store's own library: `AWS_ACCESS_KEY_ID`,
    `AWS_ENDPOINT_URL` and their like, or `~/.aws`.
    """

    def __init__(self, url: str, entropy: Entropy, **options: Any) -> None:
        self._location = url
        self._entropy = entropy
        protocol = url.partition("://")[0]
        try:
            # No listing is remembered: another process may have put or deleted something.
            self._files, root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True, **options
            )
        except ImportError as exc:
            extra = "engram-memory-engine[s3]" if protocol in _S3 else "fsspec[full]"
            raise InvalidRequest(
                f"{url} needs a package that is not installed ({exc}); install it, for instance "
                f"with `pip install '{extra}'`"
            ) from exc
        except ValueError as exc:
            raise InvalidRequest(
                f"{url} is no place fsspec knows ({exc}); name a directory, or a URL such as "
                "s3://bucket/folder"
            ) from exc
        self._root = root.rstrip("/")
        self._is_atomic = protocol in _ATOMIC

    @property
    def location(self) -> str:
        """The URL."""
        return self._location

    def put(self, name: str, buffers: Sequence[ReadableBuffer]) -> None:
        """Store an object durably; see `ArchiveStore.put`."""
        data, path = b"".join(buffers), self._path(name)
        with self._translated("write to"):
            if self._is_atomic:
                self._files.pipe_file(path, data)
                return
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            temporary = f"{path}.{self._entropy.token(_TOKEN_BYTES).hex()}{_TEMPORARY}"
            self._files.pipe_file(temporary, data)
            self._files.mv(temporary, path)

    def get(self, name: str, bytes_max: int) -> bytes:
        """Return the first `bytes_max` bytes of an object; see `ArchiveStore.get`."""
        path = self._path(name)
        with self._translated("read from"):
            # An empty object has no first byte: asking S3 for a range of it is an error.
            bytes_count = min(bytes_max, int(self._files.size(path) or 0))
            if not bytes_count:
                return b""
            return bytes(self._files.cat_file(path, start=0, end=bytes_count))

    def exists(self, name: str) -> bool:
        """Whether there is an object of that name."""
        with self._translated("read from"):
            return bool(self._files.exists(self._path(name)))

    def list(self, folder: str) -> list[str]:
        """Return the names of all objects below a folder; see `ArchiveStore.list`."""
        cut = len(self._root) + 1
        try:
            with self._translated("list"):
                found = self._files.find(self._path(folder))
        except FileNotFoundError:
            return []
        return sorted(path[cut:] for path in found)

    def delete(self, name: str) -> None:
        """Remove an object; harmless when it is missing."""
        try:
            with self._translated("delete from"):
                self._files.rm_file(self._path(name))
        except FileNotFoundError:
            return

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as exc:
            # Each store's library has errors of its own; none is a bug of ours.
            reason = str(exc) or type(exc).__name__
            raise ArchiveUnavailable(operation, self._location, reason) from exc
