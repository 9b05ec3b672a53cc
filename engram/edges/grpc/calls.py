"""What a procedure is, and what it is handed: a request that is placed, and let in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, Final, Literal, NamedTuple

from google.protobuf.message import Message

from engram.service.access import ANYONE, Principal, Role
from engram.service.space import Space
from engram.service.store import Engram
from engram.service.wire.protobuf import given

SERVICE: Final = "engram.v1.Engram"

Placing = Literal["space", "store", "named"]
"""Whether a request is about a space, about the store unless it names one, or about the one that
its own field names, which metadata does not beat."""

_SPACE: Final = "memory_space_id"


class Call(NamedTuple):
    """One request on its way to a handler."""

    db: Engram
    space_id: str
    is_named: bool
    """Whether the request names its space; else `space_id` is the default."""
    request: Any
    principal: Principal = ANYONE
    version: str = ""
    own_metrics: Callable[[], Iterator[tuple[str, float]]] = partial(iter, ())
    """What the server itself measures, beside the store."""

    def is_about(self, space: str) -> bool:
        """Whether an answer about several spaces is to tell of this one."""
        if self.is_named:
            return space == self.space_id
        return self.principal.may_ask(space)

    async def space(self) -> Space:
        """Return the memory space that the request is about."""
        return await self.db.space(self.space_id, principal=self.principal.name)

    def arguments(self) -> dict[str, Any]:
        """Return what the request says, as arguments of a verb; InvalidRequest when it is wrong."""
        found = given(self.request)
        found.pop(_SPACE, None)
        return found


class Procedure(NamedTuple):
    """One unary call of the service: what it takes, what it answers, and who does it."""

    name: str
    handle: Callable[[Call], Awaitable[Message]]
    takes: type[Message]
    answers: type[Message]
    needs: Role = Role.READER
    writes: bool = False
    about: Placing = "space"

    @property
    def route(self) -> str:
        """What the audit and the log call it."""
        return f"gRPC {self.name}"

    @property
    def path(self) -> str:
        """How gRPC calls it on the wire."""
        return f"/{SERVICE}/{self.name}"

    @property
    def operation(self) -> str:
        """What metrics call it: the same verb as over HTTP."""
        name: str = getattr(self.handle, "__name__", "operation")
        return name
