"""What a message of a WebSocket asks for: read, checked and placed before any of it is done."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

import msgspec

from engram.edges.http import memories, recalls
from engram.edges.http.asked import RememberBody
from engram.edges.http.calls import Call, Endpoint
from engram.edges.http.limits import OBSERVATIONS_COUNT_MAX
from engram.edges.http.messages import (
    CreditBody,
    Message,
    ObserveBody,
    StopBody,
    message_of,
    seq_of,
)
from engram.edges.http.naming import Head, space_of
from engram.edges.http.observing import Observation
from engram.edges.http.reading import body_of
from engram.edges.http.sockets import SOCKET
from engram.edges.http.visits import Visit
from engram.model.errors import InvalidRequest
from engram.service.subscription import Subscription


class Request(NamedTuple):
    """A request that a message may be, and the type of the message that answers it."""

    endpoint: Endpoint
    answer: str


async def observe(call: Call) -> Subscription:
    """Find the place from which a space is observed."""
    call.streams.check_room()
    space = await call.space()
    return await space.subscribe(call.body.topic, after=call.body.after).open()


def _posted(path: str, endpoints: tuple[Endpoint, ...]) -> Endpoint:
    return next(each for each in endpoints if (each.method, each.path) == ("POST", path))


_MEMORIES: Final = "/api/v1/memories"
REQUESTS: Final = {
    "remember": Request(_posted(f"{_MEMORIES}/remember", memories.ENDPOINTS), "remembered"),
    "recall": Request(_posted(f"{_MEMORIES}/recall", recalls.ENDPOINTS), "recalled"),
    "observe": Request(SOCKET._replace(handle=observe, body=ObserveBody), "observing"),
}
"""What a message may ask for; the endpoints are those of HTTP."""


class Turn(NamedTuple):
    """A message that is to be answered: what it asks for, or what is wrong with it."""

    visit: Visit
    request: Request | None
    seq: int | None
    value: Any
    key: str | None = None
    timeout_ms: int | None = None

    @property
    def endpoint(self) -> Endpoint:
        """What is asked; of a message that cannot be read, that something was."""
        return SOCKET if self.request is None else self.request.endpoint

    @property
    def lane(self) -> str | None:
        """The session whose memories are stored in the order they came."""
        return self.value.session if isinstance(self.value, RememberBody) else None


class Turns:
    """The messages of one WebSocket, one after the other, and the observations they began."""

    def __init__(self, head: Head, visit: Visit) -> None:
        """Take what the caller showed when it came."""
        self._head, self._visit = head, visit
        self._space = visit.space or ""
        self._last_seq = self._count = 0
        self.observations: dict[int, Observation] = {}
        """Those under way, by their number."""

    def read(self, text: str) -> Turn | None:
        """Return what a message asks for; None when it only steers an observation."""
        self._count += 1
        visit = Visit(f"{self._visit.request_id}.{self._count}", self._visit.correlation_id)
        visit.space = self._space
        seq = None
        try:
            message = message_of(text)
            seq = message.seq
            request = REQUESTS.get(message.type)
            if request is None:
                self._steer(message)
                return None
            value = self._asked(message, request.endpoint)
        except InvalidRequest as error:
            return Turn(visit, None, seq_of(text) if seq is None else seq, error)
        return Turn(visit, request, seq, value, message.key, message.timeout_ms)

    def _asked(self, message: Message, endpoint: Endpoint) -> Any:
        """Return the body of a message that asks for something."""
        if message.seq <= self._last_seq:
            raise InvalidRequest(
                f"seq {message.seq} does not come after {self._last_seq}; each message that asks "
                "for something has a higher one than those before it"
            )
        self._last_seq = message.seq
        if message.key is not None and not endpoint.takes_key:
            raise InvalidRequest(f"{message.type} takes no key; leave it out")
        value = body_of(cast("type[msgspec.Struct]", endpoint.body), bytes(message.body))
        named = getattr(value, "named_space", None)
        if named is not None and space_of(self._head, body=named, resource=named) != self._space:
            raise InvalidRequest(
                f"this WebSocket is about memory space {self._space!r}; open another for {named!r}"
            )
        if isinstance(value, ObserveBody):
            if len(self.observations) >= OBSERVATIONS_COUNT_MAX:
                raise InvalidRequest(
                    f"{OBSERVATIONS_COUNT_MAX} observations are under way; stop one of them first"
                )
            self.observations[message.seq] = Observation(self._space, value.credit)
        return value

    def _steer(self, message: Message) -> None:
        """Carry out what is said of an observation; of one that ended, nothing is to be done."""
        if message.seq > self._last_seq:
            raise InvalidRequest(f"seq {message.seq} is that of no observation")
        observation = self.observations.get(message.seq)
        if message.type == "credit":
            count = body_of(CreditBody, bytes(message.body)).count
            if observation is not None:
                observation.grant(count)
        else:
            body_of(StopBody, bytes(message.body))
            if observation is not None:
                observation.stop()
