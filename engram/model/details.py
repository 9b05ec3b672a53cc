"""What is kept in one piece with a memory's metadata: its episode, and reasons.

Metadata alone is the JSON object the caller gave. With details beside it, it is a JSON array of
two: the details, and the metadata or null. So those without details pay nothing for them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from engram.model.decoders import json_decoder

_JSON: Final = msgspec.json.Encoder()
_ARRAY: Final = b"["[0]


class Episode(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The parts of an episode, as far as the caller told them apart; "when" is `occurred_at`."""

    what: str | None = None
    where: str | None = None
    who: tuple[str, ...] = ()
    why: str | None = None
    how: str | None = None


class Details(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a caller may add to a memory in so many words."""

    episode: Episode | None = None
    confidence_reason: str | None = None
    fact_value: str | None = None


NO_DETAILS: Final = Details()


class Told(NamedTuple):
    """Both parts of what is kept as metadata."""

    metadata: dict[str, Any] | None
    details: Details


class _Both(msgspec.Struct, array_like=True, gc=False):
    details: Details
    metadata: dict[str, Any] | None


_BOTH: Final = json_decoder(_Both)


def joined(details: Details, metadata: bytes) -> bytes:
    """Return what is kept: `metadata` (JSON of an object, or nothing) with `details`."""
    if details == NO_DETAILS:
        return metadata
    return b"".join((b"[", _JSON.encode(details), b",", metadata or b"null", b"]"))


def taken_apart(kept: bytes | bytearray) -> Told:
    """Return metadata and details of what `joined` returned; neither of nothing."""
    if not kept:
        return Told(None, NO_DETAILS)
    if kept[0] != _ARRAY:
        return Told(msgspec.json.decode(kept), NO_DETAILS)
    both = _BOTH.decode(kept)
    return Told(both.metadata, both.details)
