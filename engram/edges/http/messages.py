"""What is said over a WebSocket: JSON objects, one a message, each of a type that has a name."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from engram.edges.http.limits import CREDIT_MAX, TIMEOUT_MS_MAX
from engram.edges.http.reading import body_of
from engram.model.changes import Topic
from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest
from engram.model.limits import REQUEST_KEY_CHARACTERS_MAX

# What a double holds exactly: JavaScript has no other numbers.
_SEQ_MAX: Final = (1 << 53) - 1
Seq = Annotated[int, Meta(ge=1, le=_SEQ_MAX)]
Count = Annotated[int, Meta(ge=1, le=CREDIT_MAX)]

EXAMPLES: Final = {
    "remember": '{"type":"remember","seq":1,"body":{"content":"Ada met Babbage"}}',
    "recall": '{"type":"recall","seq":2,"body":{"query":"who knew Babbage?"}}',
    "observe": '{"type":"observe","seq":3,"body":{"topic":"memories","credit":100}}',
    "credit": '{"type":"credit","seq":3,"body":{"count":100}}',
    "stop": '{"type":"stop","seq":3}',
}
"""One message of each type that a caller may send."""


class _Outside(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What every message of a caller has around its body."""

    type: str
    seq: Seq
    key: Annotated[str, Meta(min_length=1, max_length=REQUEST_KEY_CHARACTERS_MAX)] | None = None
    timeout_ms: Annotated[int, Meta(ge=1, le=TIMEOUT_MS_MAX)] | None = None


class Message(_Outside, forbid_unknown_fields=True, kw_only=True):
    """A message of a caller: `seq` is its number, and that of what answers it."""

    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Read(_Outside, forbid_unknown_fields=True, kw_only=True):
    """The same with its body read: says what is wrong with it."""

    body: Any = None


class ObserveBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to observe, from where on, and how many events may come before more are asked for."""

    topic: Topic = "activities"
    after: Annotated[int, Meta(ge=0)] | None = None
    credit: Annotated[int, Meta(ge=0, le=CREDIT_MAX)] | None = None


class CreditBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How many more events may come."""

    count: Count


class StopBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Nothing: the number says which observation is to end."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message of the server; without `seq` it is about the connection."""

    type: str
    seq: int | UnsetType = UNSET
    retry_after_s: int | UnsetType = UNSET
    body: Any = None


class Welcome(msgspec.Struct, frozen=True):
    """The first message of the server: what this connection is about, and its limits."""

    space: str
    window: int
    """How many requests may be under way; the next is read when one of them is answered."""
    observations_max: int
    message_bytes_max: int
    heartbeat_s: float


_DECODER: Final = json_decoder(Message)


def message_of(text: str) -> Message:
    """Return a message; InvalidRequest lists all that is wrong with it, and has an example."""
    try:
        message = _DECODER.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidRequest(*_wrongs(text, error), _example(text)) from None
    if message.type not in EXAMPLES:
        known = ", ".join(EXAMPLES)
        raise InvalidRequest(
            f"there is no message {message.type!r}; there are {known}", _example(text)
        )
    return message


def _wrongs(text: str, error: Exception) -> tuple[str, ...]:
    try:
        body_of(_Read, text.encode())
    except InvalidRequest as met:
        return tuple(each.replace("the body is", "the message is") for each in met.violations)
    return (f"the message cannot be read: {error}",)


def seq_of(text: str) -> int | None:
    """Return the number of a message that is wrong otherwise, as far as that can be told."""
    try:
        found = json_decoder(_Numbered).decode(text).seq
    except (msgspec.DecodeError, RecursionError):
        return None
    return found


class _Numbered(msgspec.Struct):
    seq: Seq


class _Typed(msgspec.Struct):
    type: str


def _example(text: str) -> str:
    try:
        named = json_decoder(_Typed).decode(text).type
    except (msgspec.DecodeError, RecursionError):
        named = ""
    return f"for example {EXAMPLES.get(named, EXAMPLES['remember'])}"
