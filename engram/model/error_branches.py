"""The branches of the tree of errors, by whose move is next; and what who follows a space meets."""

from __future__ import annotations

from typing import ClassVar


class EngramError(Exception):
    """Base of every error Engram raises on purpose."""

    code: ClassVar[str] = "INTERNAL_ERROR"

    request_id: str | None = None
    """What a server and its log call the request that failed; None in this process."""


class RequestError(EngramError):
    """Raised when the request itself must change; repeating it will fail again."""

    code = "INVALID_REQUEST"


class Overloaded(EngramError):
    """Raised when a named limit is reached; the same request may pass later."""

    code = "OVERLOADED"

    def __init__(self, limit: str, value: int) -> None:
        self.limit, self.value = limit, value
        super().__init__(f"{limit} of {value} is reached; try again later, or raise {limit}")


class Unavailable(EngramError):
    """Raised when something Engram depends on does not answer."""

    code = "UNAVAILABLE"


class DurabilityError(EngramError):
    """Raised when the disk did not do what durability needs; an operator must look."""

    code = "DATA_LOSS"


class InvariantViolated(EngramError):
    """Raised when Engram finds itself in a state that must not exist: a bug."""


class ChangesGone(RequestError):
    """Raised when changes are asked for that the log of the space does not hold any more."""

    code = "GONE"

    def __init__(self, space: str, after: int, oldest: int) -> None:
        self.space, self.after, self.oldest = space, after, oldest
        super().__init__(
            f"the changes of memory space {space!r} behind LSN {after} are gone: its log begins at "
            f"LSN {oldest}. Note the lsn in the stats of the space, list its memories, then follow "
            f"it from that LSN; what is left of its past follows LSN {oldest - 1}"
        )


class FellBehind(Overloaded):
    """Raised when somebody who follows a space is slower than its writers for too long."""

    code = "FELL_BEHIND"

    def __init__(self, space: str, lsn: int, held: int) -> None:
        self.space, self.lsn = space, lsn
        EngramError.__init__(
            self,
            f"what happened in memory space {space!r} behind LSN {lsn} came too fast: at most "
            f"{held:,} changes wait for who follows it; follow it again, from LSN {lsn}",
        )


def check(condition: object, sentence: str) -> None:
    """Raise InvariantViolated with `sentence` unless `condition` holds, also under `python -O`."""
    if not condition:
        raise InvariantViolated(sentence)
