"""Every error a caller can meet, split by whose move is next.

EngramError
|-- RequestError             the caller's: change the request
|   |-- InvalidRequest       one or more fields break a rule; lists every violation
|   |   `-- QuerySyntaxError  a statement of the query language cannot be read
|   |-- QueryTooCostly
|   |-- Unauthorized         a server knows nobody by the key or token it was shown
|   |-- Forbidden
|   |   |-- SpaceForbidden
|   |   `-- TooManySpaces    there are as many memory spaces as there may be
|   |-- SpaceNotFound
|   |-- SpaceAlreadyExists
|   |-- MemoryNotFound
|   |   `-- MemorySuperseded  another memory took its place
|   |-- AssociationNotFound
|   |-- BackupNotFound
|   |-- ChangesGone          the log does not go back as far as was asked
|   |-- DimensionMismatch
|   |-- EmbedderMismatch
|   |-- VectorsWouldBeLost
|   |-- QuotaReached         a space holds as much as it may
|   |-- Conflict
|   |-- BackendUnavailable   a kernel backend was asked for by name and is not there
|   |-- ArenaExhausted       a kernel needs more scratch memory than its thread's arena has
|   |-- StoreInUse
|   |-- StoreTooNew
|   |-- UnknownEvent
|   `-- Closed
|-- Overloaded               nobody's: the same request, later
|   |-- FellBehind           a follower was slower than the writers
|   |-- RateLimited
|   |   `-- WritesLimited    more is to be stored than a quota lets be in a second
|   `-- KernelCancelled      a kernel was stopped before its end
|-- Unavailable              a dependency's: later, or without it
|   |-- ServerUnreachable
|   |-- NoAnswerInTime       a server was silent for as long as the client waits
|   |-- EmbedderUnavailable
|   `-- ArchiveUnavailable
|-- DurabilityError          the operator's: stop, look at the disk
|   |-- StorageFailed
|   |-- LogPoisoned
|   |-- LogCorrupted
|   |-- FileCorrupted
|   `-- ArchiveCorrupted
`-- InvariantViolated        ours: a bug
"""

from __future__ import annotations

from engram.model.error_branches import (
    ChangesGone,
    DurabilityError,
    EngramError,
    FellBehind,
    InvariantViolated,
    Overloaded,
    RequestError,
    Unavailable,
    check,
)
from engram.model.refusals import (
    Forbidden,
    KernelCancelled,
    NoAnswerInTime,
    QueryTooCostly,
    QuotaReached,
    RateLimited,
    ServerUnreachable,
    SpaceForbidden,
    TooManySpaces,
    Unauthorized,
    WritesLimited,
)

# What is told here of another module; the classes below are told anyway.
__all__ = [
    "ChangesGone",
    "DurabilityError",
    "EngramError",
    "FellBehind",
    "Forbidden",
    "InvariantViolated",
    "KernelCancelled",
    "NoAnswerInTime",
    "Overloaded",
    "QueryTooCostly",
    "QuotaReached",
    "RateLimited",
    "RequestError",
    "ServerUnreachable",
    "SpaceForbidden",
    "TooManySpaces",
    "Unauthorized",
    "Unavailable",
    "WritesLimited",
    "check",
]


class InvalidRequest(RequestError):
    """Raised when fields of a request break a rule; lists every violation at once."""

    def __init__(self, *violations: str) -> None:
        self.violations = violations
        super().__init__("; ".join(violations))


class QuerySyntaxError(InvalidRequest):
    """Raised when a statement of the query language cannot be read; says where, and what fits."""

    def __init__(self, place: tuple[int, int], found: str, expected: str, hint: str = "") -> None:
        (self.line, self.column), self.found, self.expected = place, found, expected
        where = f"line {self.line}, column {self.column}"
        super().__init__(f"{where}: found {found}, expected {expected}{hint and f'; {hint}'}")


class SpaceNotFound(RequestError):
    """Raised when a memory space is read that was never created."""

    code = "NOT_FOUND"

    def __init__(self, space: str) -> None:
        self.space = space
        super().__init__(
            f"there is no memory space {space!r}; create it with `engram space create {space}` "
            f"or `await db.create_space({space!r})`"
        )


class SpaceAlreadyExists(RequestError):
    """Raised when a memory space is created whose id is taken."""

    code = "CONFLICT"

    def __init__(self, space: str) -> None:
        self.space = space
        super().__init__(f"memory space {space!r} exists already; open it, or choose another id")


class MemoryNotFound(RequestError):
    """Raised when no memory of the space has the given id."""

    code = "NOT_FOUND"

    def __init__(self, memory_id: str, space: str) -> None:
        self.memory_id = memory_id
        self.space = space
        super().__init__(
            f"memory space {space!r} holds no memory {memory_id!r}; "
            f"see what it holds with `engram list --space {space}`"
        )


class AssociationNotFound(RequestError):
    """Raised when no association leads from one memory to the other, or none of that kind."""

    code = "NOT_FOUND"

    def __init__(self, source: str, target: str, kind: str | None, space: str) -> None:
        self.source, self.target, self.kind, self.space = source, target, kind, space
        what = "association" if kind is None else f"{kind} association"
        super().__init__(
            f"no {what} leads from memory {source!r} to {target!r}; see those there are with "
            f"`engram associations {source} --space {space}`"
        )


class MemorySuperseded(MemoryNotFound):
    """Raised when a correction took the place of the memory that was asked for."""

    def __init__(self, memory_id: str, current_id: str, space: str) -> None:
        super().__init__(memory_id, space)
        self.current_id = current_id
        said = (
            f"memory {memory_id!r} of memory space {space!r} was superseded; the current one is "
            f"{current_id!r}, and `engram history {current_id} --space {space}` shows all of them"
        )
        self.args = (said,)


class BackupNotFound(RequestError):
    """Raised when a place for backups does not hold what was asked for."""

    code = "NOT_FOUND"

    def __init__(self, location: str, what: str) -> None:
        self.location, self.what = location, what
        super().__init__(
            f"{location} holds no {what}; see what it holds with `engram backup list {location}`, "
            f"or make a backup with `engram backup create {location}`"
        )


class DimensionMismatch(RequestError):
    """Raised when a vector has another length than the vectors of its space."""

    def __init__(self, got: int, expected: int, space: str) -> None:
        self.got, self.expected, self.space = got, expected, space
        super().__init__(
            f"the embedding has {got} dimensions but memory space {space!r} holds vectors of "
            f"{expected}; use the embedder the space was filled with, or another space"
        )


class EmbedderMismatch(RequestError):
    """Raised when vectors of two embedders would be mixed in one space."""

    code = "CONFLICT"

    def __init__(self, space: str, stored: str, offered: str) -> None:
        self.space, self.stored, self.offered = space, stored, offered
        super().__init__(
            f"memory space {space!r} holds vectors of embedder {stored!r}, not of {offered!r}, and "
            f"they cannot be compared; open it with {stored!r}, pass embeddings yourself, or "
            f"convert it with `engram reembed --space {space}`"
        )


class VectorsWouldBeLost(RequestError):
    """Raised when a space is converted whose memories have vectors that cannot be made anew."""

    code = "CONFLICT"

    def __init__(self, count: int, embedder: str) -> None:
        self.count, self.embedder = count, embedder
        super().__init__(
            f"{count} memories have a vector and no text, so {embedder!r} cannot embed them and "
            "they could no longer be found; forget them first, or copy the others to a new space"
        )


class Conflict(RequestError):
    """Raised when a request contradicts what is stored."""

    code = "CONFLICT"


class BackendUnavailable(RequestError):
    """Raised when a kernel backend was asked for by name and cannot be used here."""

    code = "UNSUPPORTED"

    def __init__(self, backend: str, reason: str, remedy: str = "") -> None:
        self.backend, self.reason = backend, reason
        remedy = remedy or (
            "build it with `make kernels` (or reinstall with the `ziglang` wheel available), or "
            "set ENGRAM_KERNELS=auto"
        )
        super().__init__(f"kernel backend {backend!r} cannot be used: {reason}; {remedy}")


class ArenaExhausted(RequestError):
    """Raised when a kernel needs more scratch memory than its thread's arena has."""

    code = "UNSUPPORTED"

    def __init__(self, needed_bytes: int, size_bytes: int) -> None:
        self.needed_bytes, self.size_bytes = needed_bytes, size_bytes
        # The next power of two: the kernel may take more after the part that did not fit.
        self.size_to_set_bytes = 1 << (needed_bytes - 1).bit_length()
        super().__init__(
            f"a kernel needs {needed_bytes} bytes of scratch memory but its thread's arena has "
            f"{size_bytes}; set ENGRAM_ARENA_SIZE={self.size_to_set_bytes} or "
            "ENGRAM_ARENA_OVERFLOW=fallback"
        )


class StoreInUse(RequestError):
    """Raised when another process holds the store."""

    code = "CONFLICT"

    def __init__(self, path: str, holder: str) -> None:
        self.path, self.holder = path, holder
        super().__init__(
            f"the store at {path} is open in another process{holder}; stop that process, or use "
            "another path (one process per store)"
        )


class StoreTooNew(RequestError):
    """Raised when a store was written by a newer format than this release reads."""

    code = "UNSUPPORTED"

    def __init__(self, path: str, found: int, supported: int) -> None:
        self.path, self.found, self.supported = path, found, supported
        super().__init__(
            f"the store at {path} has format {found}; this release reads up to {supported}: "
            "upgrade with `pip install --upgrade engram-memory-engine`"
        )


class UnknownEvent(RequestError):
    """Raised when a log holds an event of a newer release than this one."""

    code = "UNSUPPORTED"

    def __init__(self, kind: int) -> None:
        self.kind = kind
        super().__init__(
            f"the log holds an event of kind {kind}, which this release does not know; it was "
            "written by a newer one: upgrade with `pip install --upgrade engram-memory-engine`"
        )


class Closed(RequestError):
    """Raised when something is used after it was closed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is closed; open it again before using it")


class EmbedderUnavailable(Unavailable):
    """Raised when the embedder cannot be reached or cannot be loaded."""

    def __init__(self, embedder: str, reason: str) -> None:
        self.embedder, self.reason = embedder, reason
        super().__init__(
            f"embedder {embedder!r} is not available: {reason}; try again later, or pass the "
            "embedding yourself"
        )


class ArchiveUnavailable(Unavailable):
    """Raised when the place for backups cannot be reached, or refuses."""

    def __init__(self, operation: str, location: str, reason: str) -> None:
        self.operation, self.location, self.reason = operation, location, reason
        super().__init__(
            f"cannot {operation} {location}: {reason}; check its address, the credentials and the "
            "network, then try again"
        )


class StorageFailed(DurabilityError):
    """Raised when the operating system refused a file operation."""

    def __init__(self, operation: str, path: str, reason: str, remedy: str) -> None:
        self.operation, self.path, self.reason = operation, path, reason
        super().__init__(f"cannot {operation} {path}: {reason}; {remedy}")


class LogPoisoned(DurabilityError):
    """Raised when an earlier write or sync failed; the log refuses until it is reopened."""

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"the log {path} stopped after a failed write: {reason}; nothing acknowledged is lost. "
            "Free or replace the disk, then close and reopen the store"
        )


class LogCorrupted(DurabilityError):
    """Raised when stored bytes are damaged where acknowledged data must be."""

    def __init__(self, path: str, offset: int, lsn_first: int, lsn_last: int, reason: str) -> None:
        self.path, self.offset, self.reason = path, offset, reason
        self.lsn_first, self.lsn_last = lsn_first, lsn_last
        super().__init__(
            f"{path} is damaged at byte {offset} (LSN {lsn_first} to {lsn_last}): {reason}; "
            "nothing was changed. See all damage with `engram verify`, then restore the space from "
            "a backup, or give up what is damaged with `engram repair --accept-loss`"
        )


class FileCorrupted(DurabilityError):
    """Raised when a stored file other than the log does not match its checksum, or is missing."""

    def __init__(self, path: str, offset: int, reason: str) -> None:
        self.path, self.offset, self.reason = path, offset, reason
        super().__init__(
            f"{path} is damaged at byte {offset}: {reason}; nothing was changed. See all "
            "damage with `engram verify`, then restore the space from a backup, or give up what is "
            "damaged with `engram repair --accept-loss`"
        )


class ArchiveCorrupted(DurabilityError):
    """Raised when a backup is damaged or incomplete; nothing is restored from it."""

    def __init__(self, location: str, name: str, reason: str) -> None:
        self.location, self.name, self.reason = location, name, reason
        super().__init__(
            f"{name} in {location} is damaged: {reason}; nothing was changed. See which backups "
            f"are whole with `engram backup verify {location}` and use one of them; delete that "
            "object, and the next backup stores it again if the store still holds what was in it"
        )
