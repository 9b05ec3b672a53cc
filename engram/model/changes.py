"""What became of a space with one record of its log, for those who follow it.

Ids and counts alone: what a memory says is asked of the space, which knows what was forgotten.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from functools import singledispatch
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from engram.model.errors import InvalidRequest
from engram.model.events import (
    Accessed,
    Answered,
    Associated,
    Configured,
    Consolidated,
    Dissociated,
    EmbedderAdopted,
    Erased,
    Event,
    Forgotten,
    Fulfilled,
    Linked,
    LinkedLate,
    Reembedded,
    Remembered,
    Revectored,
    Reviewed,
    SeenAgain,
    Suppressed,
    unpack,
)
from engram.model.ids import format_id
from engram.model.memory import to_datetime

Topic: TypeAlias = Literal["activities", "memories", "consolidation"]
"""What somebody follows: all that happens, memories alone, or consolidation alone."""

Ids: TypeAlias = tuple[str, ...]
_ID: Final = struct.Struct("<QQ")
_TIME: Final = struct.Struct("<q")
_NOBODY: Final = (0, 0)


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one record of a space's log did; fields that say nothing are left out.

    Lists hold ids of memories. `at` is when it was recorded, None where the record does not say.
    """

    lsn: int
    """Where it stands in the log; whoever follows goes on from here."""
    space: str
    at: datetime | None = None
    remembered: Ids = ()
    """Memories that were stored, corrected versions included."""
    superseded: Ids = ()
    """Memories whose place a corrected version took."""
    seen_again: Ids = ()
    """Memories whose text was remembered again."""
    forgotten: Ids = ()
    """Memories that were deleted."""
    erased: Ids = ()
    """Memories of which nothing is kept."""
    suppressed: Ids = ()
    """Memories that were hidden."""
    unsuppressed: Ids = ()
    """Memories that were brought back."""
    reviewed: Ids = ()
    """Memories that were found useful, or wrong."""
    revectored: Ids = ()
    """Memories that had no vector and were given one."""
    accessed: Ids = ()
    """Memories that answers listed; recorded now and then."""
    replayed: Ids = ()
    """Episodes that consolidation replayed."""
    concepts: Ids = ()
    """Concepts, or versions of them, that it formed."""
    associated: int = 0
    """How many associations were made by callers, the linker or consolidation."""
    dissociated: int = 0
    """How many associations were ended."""
    configured: bool = False
    """Whether the settings of the space were changed."""
    embedder: str | None = None
    """The embedder whose vectors the space took over."""

    @property
    def ids_count(self) -> int:
        """How many ids it names."""
        return sum(len(getattr(self, name)) for name in _LISTS)

    def about(self, topic: Topic) -> Change | None:
        """Return what of it belongs to a topic; None when nothing does."""
        fields = _FIELDS[topic]
        found = {name: value for name in fields if (value := getattr(self, name))}
        if not found:
            return None
        if topic == "activities":
            return self
        return Change(self.lsn, self.space, self.at, **found)


_LISTS: Final = (
    "remembered",
    "superseded",
    "seen_again",
    "forgotten",
    "erased",
    "suppressed",
    "unsuppressed",
    "reviewed",
    "revectored",
    "accessed",
    "replayed",
    "concepts",
)
_FIELDS: Final[dict[Topic, tuple[str, ...]]] = {
    "activities": (*_LISTS, "associated", "dissociated", "configured", "embedder"),
    "memories": _LISTS[:9],
    "consolidation": ("replayed", "concepts"),
}


def check_topic(topic: str) -> Topic:
    """Return a topic that there is; InvalidRequest for any other."""
    for each in get_args(Topic):
        if each == topic:
            found: Topic = each
            return found
    raise InvalidRequest(f"topic {topic!r} is none of {', '.join(get_args(Topic))}")


def change_of(event: Event, lsn: int, space: str) -> Change:
    """Return what the event of the record at `lsn` did."""
    found: dict[str, Any] = {}
    _told(event, found)
    at = found.pop("at", None)
    return Change(lsn, space, None if at is None else to_datetime(at), **found)


def _ids(raw: bytes) -> Ids:
    return tuple([format_id(*each) for each in _ID.iter_unpack(raw)])


def _add(found: dict[str, Any], name: str, raw: bytes, at: int | None = None) -> None:
    found[name] = found.get(name, ()) + _ids(raw)
    _date(found, at)


def _date(found: dict[str, Any], at: int | None) -> None:
    if at is not None:
        found["at"] = max(at, found.get("at", at))


def _latest(column: bytes) -> int | None:
    return max((each for (each,) in _TIME.iter_unpack(column)), default=None)


@singledispatch
def _told(event: Event, found: dict[str, Any]) -> None:
    """Note what an event did; of one that changes no answer, nothing."""


def _listed(name: str) -> Callable[[Any, dict[str, Any]], None]:
    def told(event: Any, found: dict[str, Any]) -> None:
        _add(found, name, event.ids, event.at)

    return told


_told.register(SeenAgain, _listed("seen_again"))
_told.register(Forgotten, _listed("forgotten"))
_told.register(Erased, _listed("erased"))
_told.register(Reviewed, _listed("reviewed"))


@_told.register
def _remembered(event: Remembered, found: dict[str, Any]) -> None:
    _add(found, "remembered", event.ids, _latest(event.recorded_at))
    if event.particulars is not None:
        before = _ID.iter_unpack(event.particulars.supersedes)
        superseded = tuple([format_id(*each) for each in before if each != _NOBODY])
        if superseded:
            found["superseded"] = found.get("superseded", ()) + superseded


@_told.register
def _suppressed(event: Suppressed, found: dict[str, Any]) -> None:
    _add(found, "suppressed" if event.hidden else "unsuppressed", event.ids, event.at)


@_told.register
def _accessed(event: Accessed, found: dict[str, Any]) -> None:
    _add(found, "accessed", event.ids, _latest(event.times))


@_told.register
def _revectored(event: Revectored, found: dict[str, Any]) -> None:
    _add(found, "revectored", event.ids)


@_told.register
def _reembedded(event: Reembedded, found: dict[str, Any]) -> None:
    """Vectors that are staged change no answer."""


@_told.register
def _adopted(event: EmbedderAdopted, found: dict[str, Any]) -> None:
    found["embedder"] = event.embedder
    _date(found, event.at)


@_told.register
def _associated(event: Associated, found: dict[str, Any]) -> None:
    found["associated"] = found.get("associated", 0) + event.count
    _date(found, event.at)


@_told.register
def _dissociated(event: Dissociated, found: dict[str, Any]) -> None:
    found["dissociated"] = found.get("dissociated", 0) + len(event.sources) // _ID.size
    _date(found, event.at)


@_told.register
def _configured(event: Configured, found: dict[str, Any]) -> None:
    found["configured"] = True
    _date(found, event.at)


@_told.register
def _consolidated(event: Consolidated, found: dict[str, Any]) -> None:
    _add(found, "replayed", event.replayed, event.at)
    if event.remembered is not None:
        _add(found, "concepts", event.remembered.ids)
    if event.associated is not None:
        _told(event.associated, found)


@_told.register(Linked)
@_told.register(LinkedLate)
def _linked(event: Linked | LinkedLate, found: dict[str, Any]) -> None:
    if event.associated is not None:
        _told(event.associated, found)


@_told.register
def _answered(event: Answered, found: dict[str, Any]) -> None:
    _date(found, event.at)
    for each in (event.forgotten, event.remembered, event.revectored, event.seen):
        if each is not None:
            _told(each, found)


@_told.register
def _fulfilled(event: Fulfilled, found: dict[str, Any]) -> None:
    _date(found, event.at)
    for kind, header in event.events:
        _told(unpack(kind, header), found)
