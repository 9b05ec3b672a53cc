"""Errors of who may ask, how much and how long; and of a server that is asked over a network."""

from __future__ import annotations

from engram.model.error_branches import EngramError, Overloaded, RequestError, Unavailable


class Unauthorized(RequestError):
    """Raised when a server knows nobody by the key or token it was shown."""

    code = "UNAUTHORIZED"


class Forbidden(RequestError):
    """Raised when a server does not let whoever asks do this."""

    code = "FORBIDDEN"


class SpaceForbidden(Forbidden):
    """Raised when a statement asks a memory space that who asks may not; it may not even exist."""

    def __init__(self, space: str) -> None:
        self.space = space
        super().__init__(
            f"you may not ask memory space {space!r}; name one you may, or ask for access to it"
        )


class TooManySpaces(Forbidden):
    """Raised when a memory space is to be made and there are as many as there may be."""

    def __init__(self, space: str, limit: str, value: int) -> None:
        self.space, self.limit, self.value = space, limit, value
        whose = "you made" if limit == "spaces_per_caller" else "there are"
        super().__init__(
            f"memory space {space!r} is not there, and {whose} as many as {limit} of {value:,} "
            f"lets be; use one that is there, delete one, or raise ENGRAM_{limit.upper()}"
        )


class QueryTooCostly(RequestError):
    """Raised when a statement is expected to cost more than its budget; nothing was carried out."""

    code = "OVER_BUDGET"

    def __init__(self, estimate_ms: float, budget_ms: float, step: str) -> None:
        self.estimate_ms, self.budget_ms, self.step = estimate_ms, budget_ms, step
        super().__init__(
            f"the statement is expected to take {estimate_ms:,.1f} ms, most of it for {step}, over "
            f"its budget of {budget_ms:,.1f} ms; narrow it (see EXPLAIN), or raise budget_ms"
        )


class RateLimited(Overloaded):
    """Raised when a memory space was asked more often than a server lets it be."""

    code = "RATE_LIMITED"

    def __init__(self, said: str, retry_after_s: int | None = None) -> None:
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s
        EngramError.__init__(self, said)


class WritesLimited(RateLimited):
    """Raised when more is to be stored in a memory space than its quota lets be in a second."""

    def __init__(self, space: str, per_s: int, retry_after_s: int) -> None:
        self.space, self.limit, self.value = space, "quota_writes_per_s", per_s
        self.retry_after_s = retry_after_s
        super().__init__(
            f"memory space {space!r} takes quota_writes_per_s of {per_s:,} memories a second; "
            f"try again in {retry_after_s} s, or raise ENGRAM_QUOTA_WRITES_PER_S"
        )


class QuotaReached(RequestError):
    """Raised when a memory space holds as much as its quota lets it."""

    code = "QUOTA_REACHED"

    def __init__(self, space: str, limit: str, value: int, held: int) -> None:
        self.space, self.limit, self.value, self.held = space, limit, value, held
        unit = "memories" if limit == "quota_memories" else "bytes of texts, metadata and vectors"
        super().__init__(
            f"memory space {space!r} holds {held:,} {unit}, and {limit} lets it come to {value:,}; "
            f"forget some of them, or raise ENGRAM_{limit.upper()}"
        )


class KernelCancelled(Overloaded):
    """Raised when a kernel stopped because whoever asked no longer wanted the answer."""

    code = "DEADLINE_EXCEEDED"

    def __init__(self) -> None:
        EngramError.__init__(
            self, "the search was stopped before it ended; allow it more time, or ask for less"
        )


class ServerUnreachable(Unavailable):
    """Raised when no Engram server answers at an address."""

    def __init__(self, url: str, reason: str, remedy: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"no Engram server answers at {url}: {reason}; {remedy}")


class NoAnswerInTime(Unavailable):
    """Raised when a server did not answer as long as its client waits; it may have acted."""

    code = "DEADLINE_EXCEEDED"

    def __init__(self, what: str, timeout_s: float, advice: str) -> None:
        self.timeout_s = timeout_s
        super().__init__(f"{what} was not answered within the timeout of {timeout_s:g} s; {advice}")
