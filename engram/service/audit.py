"""What is written down of every request: who did what to which space, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec


class AuditLine(msgspec.Struct, frozen=True):
    """One request, without a word of what it carried."""

    timestamp: datetime
    space: str | None
    principal: str | None
    """None: nobody is known by what was shown, if anything was."""
    action: str
    resource: str
    status: int
    request_id: str
    correlation_id: str = ""


class Audit(Protocol):
    """Keeps lines for good; what was kept is never changed."""

    def check_room(self) -> None:
        """Refuse with Overloaded when lines cannot be written as fast as they come."""

    def add(self, line: AuditLine) -> None:
        """Keep a line soon; never waits."""
