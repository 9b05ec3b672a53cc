"""What the core needs from the world: time, chance, files, vectors.

Each Protocol is implemented in `engram.adapters` for real use and in `engram.testing` for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, NamedTuple, NewType, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from engram.model.errors import StorageFailed

ReadableBuffer: TypeAlias = bytes | bytearray | memoryview

SyncMethod: TypeAlias = Literal["sync", "dsync"]
"""How bytes are made durable: a write and then a sync, or one write that returns when they are."""


class Clock(Protocol):
    """Tells the time. Wall time dates memories, monotonic time measures waits; never mixed."""

    def now(self) -> int:
        """Return wall time in integer nanoseconds since the Unix epoch, UTC."""

    def monotonic(self) -> int:
        """Return a nanosecond reading that never goes back; only differences mean anything."""

    async def sleep_until(self, deadline: int) -> None:
        """Return once `monotonic()` has reached `deadline` (nanoseconds)."""


class Entropy(Protocol):
    """The only source of chance."""

    def token(self, bytes_count: int) -> bytes:
        """Return that many unpredictable bytes."""


class Handle(Protocol):
    """An open file of a Filesystem; opaque to its users, closed by `close`."""

    def close(self) -> None:
        """Release the file. What was not synced may be lost."""


class DurableWrite(NamedTuple):
    """Buffers to be written at an offset of a file, and what to note in another file after it.

    `mark` (at most a block of bytes) goes to the start of its file once they are durable, without a
    sync of its own. Nothing of it may be changed, and no handle closed, before its end is told.
    """

    handle: Handle
    offset: int
    buffers: Sequence[bytes | memoryview]
    method: SyncMethod
    mark_handle: Handle
    mark: bytes


WriteEnded: TypeAlias = Callable[["StorageFailed | None", "StorageFailed | None"], None]
"""Called on the event loop when a write has ended: why it failed, and why its mark did."""


class DurableWriters(Protocol):
    """Makes writes durable while the event loop does something else. Belongs to that loop."""

    def begin(self, write: DurableWrite, ended: WriteEnded) -> bool:
        """Begin a write and return at once; False, and nothing is done, when that cannot be now."""


class Filesystem(Protocol):
    """The few file operations durability is built on; every crash test is another one of these.

    Paths are relative to the store's root, separated by `/`; `""` is the root itself. All calls
    block and may raise `engram.model.errors.StorageFailed`. `create_exclusive` makes missing parent
    directories durable before it returns; the new name itself is durable only after
    `sync_directory` of its parent.
    """

    def create_exclusive(self, path: str) -> Handle:
        """Create and open a file that must not exist yet (FileExistsError otherwise)."""

    def open(self, path: str) -> Handle:
        """Open an existing file for reading and writing (FileNotFoundError otherwise)."""

    def read_at(self, handle: Handle, offset: int, bytes_count: int) -> bytes:
        """Return up to `bytes_count` bytes from `offset`; fewer only at the end of the file."""

    def expect(self, handle: Handle, offset: int, bytes_count: int) -> None:
        """Say that so many bytes from `offset` are about to be read: a hint, which never fails.

        Returns at once. What several such calls named may come from the medium at the same time.
        """

    def write_at(self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer]) -> None:
        """Write all buffers one after the other from `offset`, looping over short writes."""

    def sync(self, handle: Handle) -> None:
        """Return once every byte written to the file before this call is durable."""

    @property
    def sync_methods(self) -> Sequence[SyncMethod]:
        """The methods `write_durably` knows here; "sync" is always one of them."""

    def write_durably(
        self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer], method: SyncMethod
    ) -> None:
        """Write all buffers like `write_at` and return once they are durable.

        Says nothing of bytes that were written earlier; `sync` does.
        """

    def set_size(self, handle: Handle, bytes_count: int) -> None:
        """Truncate or extend the file; new bytes read as zero."""

    def size(self, handle: Handle) -> int:
        """Return the file's length in bytes."""

    def rename(self, source: str, target: str) -> None:
        """Rename a file or directory, replacing a file at `target` at once."""

    def sync_directory(self, path: str) -> None:
        """Return once the names in the directory are durable."""

    def remove(self, path: str) -> None:
        """Remove a file or an empty directory."""

    def list(self, path: str) -> list[str]:
        """Return the names in the directory, sorted; empty when it does not exist."""

    def lock(self, path: str) -> Handle:
        """Take the store's lock until the handle is closed; StoreInUse when it is held."""


class ArchiveStore(Protocol):
    """A place for backups: small objects by name, in a directory or in an object store.

    A name is parts joined by `/`; only the last one has a dot in it. All calls block, may come from
    several threads at once, and may raise `ArchiveUnavailable` or `StorageFailed`.
    """

    @property
    def location(self) -> str:
        """What messages and people call this place."""

    def put(self, name: str, buffers: Sequence[ReadableBuffer]) -> None:
        """Store an object durably, replacing one of its name; whole or not, after a crash."""

    def get(self, name: str, bytes_max: int) -> bytes:
        """Return the first `bytes_max` bytes of an object; FileNotFoundError if there is none."""

    def exists(self, name: str) -> bool:
        """Whether there is an object of that name."""

    def list(self, folder: str) -> list[str]:
        """Return the names of all objects below a folder, sorted; empty when there is none.

        What an interrupted `put` left behind is among them, under a name that ends in `.part`.
        """

    def delete(self, name: str) -> None:
        """Remove an object; harmless when it is missing."""


class Embedder(Protocol):
    """Turns texts into vectors that can be compared by cosine."""

    @property
    def identity(self) -> str:
        """Name and revision of the model; stored with every vector it makes."""

    @property
    def dimensions(self) -> int:
        """Length of each vector."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[len(texts), dimensions] unit rows; EmbedderUnavailable on failure."""


Origin = NewType("Origin", object)
"""A span that is under way, to be handed to another task; a Tracer alone knows what it is."""

SpanKind: TypeAlias = Literal["internal", "client"]


class Span(Protocol):
    """Something that goes on and is measured, as part of a trace."""

    @property
    def trace_id(self) -> str:
        """The trace it is part of, 32 hexadecimal digits."""

    def note(self, name: str, value: str | float | bool) -> None:
        """Say something of it."""

    def fail(self, error: str) -> None:
        """Say that it failed, and the name of what with."""


class Tracer(Protocol):
    """Measures what goes on and tells a collector; whoever has none measures nothing.

    A span is current in the task that entered it, and in what that task begins meanwhile. One that
    is left by an exception fails under its class name; messages may hold what nobody should read.
    """

    def span(
        self,
        name: str,
        space: str | None = None,
        *,
        kind: SpanKind = "internal",
        origins: Sequence[Origin] = (),
    ) -> AbstractContextManager[Span]:
        """Begin a span within the current one, or within the first of `origins`, linked to all."""

    def served(
        self, name: str, parent: str | None, state: str | None
    ) -> AbstractContextManager[Span]:
        """Begin the span of a request, within that of its caller: W3C traceparent and tracestate.

        What is not valid counts as missing.
        """

    def within(self, name: str, space: str | None = None) -> AbstractContextManager[object]:
        """Begin a span within the current one; nothing where there is none, as in the background.

        Without a space it is about that of the span it is within.
        """

    def stages(self, space: str) -> Callable[[str, int], None] | None:
        """Return what makes a span, within the current one, of each stage that just ended.

        It is called, in whatever thread, with the stage's name and how long that took, in ns. None
        where nothing is recorded.
        """

    def origin(self) -> Origin | None:
        """Return the current span, None when there is none or it is not recorded."""

    def headers(self) -> dict[str, str]:
        """Return W3C traceparent and tracestate of the current span; empty without one."""
