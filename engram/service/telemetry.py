"""What is said of a request while and after it is carried out: its names, and one line of it."""

from __future__ import annotations

from collections.abc import Callable
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


def say_request(
    say: Callable[..., object],
    names: RequestNames,
    route: str | None,
    caller: str | None,
    status: int,
    duration_ns: int,
) -> None:
    """Say the line of a request that was answered; the same of every front end.

    `say` is a level of a RequestLogger, `caller` who asked, None for nobody known; `status` is that
    of HTTP for what was told.
    """
    say(
        "request",
        route=route,
        status=status,
        duration_ms=duration_ns // 1_000 / 1_000,
        space=names.space,
        caller=caller,
        request_id=names.request_id,
        correlation_id=names.correlation_id,
    )
