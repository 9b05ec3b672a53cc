"""An audit whose lines stay in this process, where a test can look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.model.errors import Overloaded

if TYPE_CHECKING:
    from engram.service.audit import AuditLine


class Lines:
    """An audit that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[AuditLine] = []
        self.is_full = False

    def check_room(self) -> None:
        """Refuse while it is said to be full."""
        if self.is_full:
            raise Overloaded("audit_lines_waiting_max", 0)

    def add(self, line: AuditLine) -> None:
        """Keep a line."""
        self.lines.append(line)
