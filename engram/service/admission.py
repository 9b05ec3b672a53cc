"""Who is let in to which memory space, how often, and what is written down of it.

For fronts that answer calls without HTTP's headers; that of HTTP has a guard of its own, over the
same parts.
"""

from __future__ import annotations

from engram.model.errors import RateLimited, SpaceForbidden
from engram.model.memory import to_datetime
from engram.ports import Clock
from engram.service.access import ANYONE, Access, Principal, Role, check_role
from engram.service.audit import Audit, AuditLine
from engram.service.limiting import Limiter


class Admission:
    """Checks, counts and writes down calls; what is None is not done."""

    def __init__(
        self,
        clock: Clock,
        access: Access | None = None,
        limiter: Limiter | None = None,
        audit: Audit | None = None,
    ) -> None:
        self._clock, self._access, self._limiter, self._audit = clock, access, limiter, audit
        self.refused_count = 0
        """Calls that were one too many."""

    def known(self, secret: str | None) -> Principal:
        """Return who shows a secret; ANYONE where nobody is asked, else raises Unauthorized."""
        return ANYONE if self._access is None else self._access.known(secret)

    def check(self, principal: Principal, needs: Role, space: str | None) -> None:
        """Refuse who may not do this, or not with this space; it may not even exist.

        `space` is None for what is about no space in particular.

        Raises:
            Forbidden, SpaceForbidden: they may not.
            Overloaded: the audit cannot be written as fast as calls come.
        """
        if self._audit is not None:
            self._audit.check_room()
        check_role(principal, needs)
        if space is not None and not principal.may_ask(space):
            raise SpaceForbidden(space)

    async def count(self, space: str) -> None:
        """Take one call of what a space may be asked; RateLimited when none is left."""
        if self._limiter is None:
            return
        allowed = await self._limiter.take(space, self._clock.monotonic())
        if allowed.retry_after_s:
            self.refused_count += 1
            said = f"memory space {space!r} was asked more often than it may be"
            raise RateLimited(said, allowed.retry_after_s)

    def tell(
        self,
        principal: Principal,
        space: str | None,
        action: str,
        resource: str,
        status: int,
        request_id: str,
        correlation_id: str | None = None,
    ) -> None:
        """Write down what came of a call; `status` is that of HTTP for what was told.

        Without a `correlation_id` the call is a matter of its own.
        """
        if self._audit is None:
            return
        self._audit.add(
            AuditLine(
                timestamp=to_datetime(self._clock.now()),
                space=space,
                principal=principal.name or None,
                action=action,
                resource=resource,
                status=status,
                request_id=request_id,
                correlation_id=correlation_id or request_id,
            )
        )
