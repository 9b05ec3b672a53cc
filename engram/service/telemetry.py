"""What is said of a request while and after it is carried out: its names, and one line of it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, Protocol


class RequestNames(Protocol):
    """How a request that is being carried out is called."""

    request_id: str
    correlation_id: str
    space: str | None
    is_over: bool
    """Whether it has been answered: background work that it began goes on under no name."""


REQUEST: Final[ContextVar[RequestNames | None]] = ContextVar("REQUEST", default=None)
"""The request that the running task works for; lines that are logged meanwhile carry its names."""


class RequestLogger(Protocol):
    """Says what came of requests; structlog's loggers are some."""

    def info(self, event: str, /, **facts: object) -> object:
        """Say a line of what was asked for."""

    def debug(self, event: str, /, **facts: object) -> object:
        """Say a line of what nobody asks about but who looks for a fault."""
