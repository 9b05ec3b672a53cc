"""Who is let in, how often, and what is written down of it: asked by the door, and nowhere else."""

from __future__ import annotations

from typing import Final

from engram.edges.http.calls import Endpoint
from engram.edges.http.naming import Head
from engram.edges.http.problems import Refused
from engram.edges.http.visits import Visit
from engram.model.errors import Forbidden, SpaceForbidden, Unauthorized
from engram.model.memory import to_datetime
from engram.ports import Clock
from engram.service.access import Access, check_role
from engram.service.audit import Audit, AuditLine
from engram.service.limiting import Limiter

_CHALLENGE: Final = ((b"www-authenticate", b'Bearer realm="engram"'),)


class Guard:
    """Checks, counts and writes down requests; what is None is not done."""

    def __init__(
        self,
        clock: Clock | None = None,
        access: Access | None = None,
        limiter: Limiter | None = None,
        audit: Audit | None = None,
        hosts: frozenset[str] | None = None,
    ) -> None:
        """Take the parts; `hosts` are the only names by which the server may be called."""
        self._hosts = hosts
        self._clock, self._access, self._limiter, self._audit = clock, access, limiter, audit
        self.refused_count = 0
        """Requests that were one too many."""

    def let_in(self, endpoint: Endpoint, head: Head, visit: Visit) -> None:
        """Refuse who is not known, or may never do this, before anything of the request is read.

        Raises:
            Refused: 401 or 403.
            Overloaded: the audit cannot be written as fast as requests come.
        """
        if self._hosts is not None and head.host not in self._hosts:
            # A page of another site can have its own name lead to this machine (DNS rebinding), and
            # is then taken for one of ours by the browser; but it cannot call us by our name.
            raise Refused(403, "FORBIDDEN", f"this server is not called {head.host!r}")
        if endpoint.is_public:
            return
        if self._audit is not None:
            self._audit.check_room()
        if self._access is None:
            return
        try:
            visit.principal, visit.is_known = self._access.known(head.secret), True
            check_role(visit.principal, endpoint.needs)
        except Unauthorized as error:
            raise Refused(401, error.code, str(error), headers=_CHALLENGE) from None
        except Forbidden as error:
            raise Refused(403, error.code, str(error)) from None

    def admit(self, endpoint: Endpoint, visit: Visit, space: str | None) -> None:
        """Refuse with SpaceForbidden who may not ask a space; it may not even exist."""
        visit.space = space
        if space is not None and not endpoint.is_public and not visit.principal.may_ask(space):
            raise SpaceForbidden(space)

    async def count(self, endpoint: Endpoint, visit: Visit) -> None:
        """Take one request of what the space may be asked; Refused with 429 when none is left."""
        if self._limiter is None or self._clock is None or endpoint.is_public:
            return
        allowed = await self._limiter.take(visit.space or "", self._clock.monotonic())
        visit.headers += (
            (b"x-ratelimit-limit", b"%d" % allowed.limit),
            (b"x-ratelimit-remaining", b"%d" % allowed.remaining),
            (b"x-ratelimit-reset", b"%d" % allowed.reset_s),
        )
        if allowed.retry_after_s:
            self.refused_count += 1
            raise Refused(
                429,
                "RATE_LIMITED",
                f"memory space {visit.space!r} was asked more often than it may be",
                headers=[(b"retry-after", b"%d" % allowed.retry_after_s)],
            )

    async def wait_s(self, visit: Visit) -> float:
        """Take one more of what the space may be asked; return how long to wait before, or 0."""
        if self._limiter is None or self._clock is None:
            return 0.0
        allowed = await self._limiter.take(visit.space or "", self._clock.monotonic())
        return float(allowed.retry_after_s)

    def tell(self, visit: Visit, action: str, resource: str, status: int) -> None:
        """Write down what came of a request."""
        if self._audit is None or self._clock is None:
            return
        self._audit.add(
            AuditLine(
                timestamp=to_datetime(self._clock.now()),
                space=visit.space,
                principal=visit.principal.name if visit.is_known else None,
                action=action,
                resource=resource,
                status=status,
                request_id=visit.request_id,
                correlation_id=visit.correlation_id,
            )
        )


def unguarded() -> Guard:
    """Return a guard that lets everybody in and writes nothing down."""
    return Guard()
