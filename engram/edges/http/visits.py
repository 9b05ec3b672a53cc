"""What is known of a request while it is being answered."""

from __future__ import annotations

from engram.service.access import ANYONE, Principal


class Visit:
    """One request: its names, who asks, its space once that is known, headers of its answer."""

    __slots__ = (
        "correlation_id",
        "headers",
        "is_known",
        "is_over",
        "is_read",
        "principal",
        "request_id",
        "space",
        "status",
    )

    def __init__(self, request_id: str, correlation_id: str) -> None:
        self.request_id = request_id
        self.correlation_id = correlation_id
        self.space: str | None = None
        self.status = 0
        """Of the answer; 0 before there is one."""
        self.principal: Principal = ANYONE
        self.is_over = False
        self.is_known = False
        """Whether somebody showed who they are."""
        self.is_read = False
        """Whether all of it is there and could be read."""
        self.headers: list[tuple[bytes, bytes]] = []

    def answer_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers every answer has, with those of this one."""
        headers = [
            (b"x-request-id", self.request_id.encode()),
            (b"x-correlation-id", self.correlation_id.encode()),
            (b"cache-control", b"no-store"),
            *self.headers,
        ]
        if self.space is not None:
            headers.append((b"x-memory-space", self.space.encode()))
        return headers
