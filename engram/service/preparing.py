"""Turn what callers write into commands: every rule checked, every violation listed at once."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypedDict, cast

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from engram.model.categories import NUMBERS
from engram.model.collecting import collect
from engram.model.commands import Remember, RememberBatch
from engram.model.details import joined
from engram.model.errors import InvalidRequest
from engram.model.ids import RANDOM_BYTES_PER_ID
from engram.model.limits import (
    CONTENT_BYTES_MAX,
    METADATA_BYTES_MAX,
    METADATA_DEPTH_MAX,
    TAGS_COUNT_MAX,
)
from engram.model.memory import MemoryKind, to_nanoseconds
from engram.ports import Entropy
from engram.service.labels import label, labels
from engram.service.particulars import FIELDS as PARTICULAR_FIELDS
from engram.service.particulars import EpisodeParts, read_particulars

# Of a batch with many bad items the first are named; the count of all is given.
VIOLATIONS_SHOWN_MAX: Final = 20
_NO_NORM: Final = math.nan
_JSON: Final = msgspec.json.Encoder()
_KEY_BYTES: Final = 8
_HASHER: Final = hashlib.blake2b
_KEY: Final = int.from_bytes


class NewMemory(TypedDict, total=False):
    """One memory to be remembered, as `remember_many` takes it; every field may be left out."""

    content: str
    embedding: ArrayLike
    kind: str
    confidence: float | str
    occurred_at: datetime
    tags: Sequence[str]
    source: str
    session: str
    metadata: Mapping[str, Any]
    entities: Sequence[str]
    priority: int
    expires_at: datetime
    episode: EpisodeParts
    confidence_reason: str
    fact_key: str
    fact_value: str
    associate: bool


class Item(NamedTuple):
    """One memory as `remember` takes it; see there."""

    content: object = ""
    embedding: ArrayLike | None = None
    kind: object = "episodic"
    confidence: object = 1.0
    occurred_at: object = None
    tags: object = ()
    source: object = None
    session: object = None
    metadata: object = None
    particulars: Mapping[str, object] | None = None
    associate: object = True


_FIELDS: Final = frozenset(NewMemory.__annotations__)


def item_of(fields: NewMemory | str) -> Item:
    """Return what a caller wrote as an Item; InvalidRequest names a field there is not."""
    if isinstance(fields, str):
        return Item(fields)
    unknown = fields.keys() - _FIELDS
    if unknown:
        known = ", ".join(sorted(_FIELDS))
        raise InvalidRequest(f"unknown field {min(unknown)!r}; a memory has {known}")
    written: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
    particulars = {name: written.pop(name) for name in PARTICULAR_FIELDS & written.keys()}
    return Item(**written, particulars=particulars or None)


def prepare(item: Item, chance: bytes, *, vector_given: bool = False) -> Remember:
    """Return the command that remembers `item`, its vector still to come.

    `chance` are RANDOM_BYTES_PER_ID unpredictable bytes for its id.

    `vector_given` says that a vector comes from elsewhere, so that the content may be empty.

    Raises InvalidRequest that lists every rule the item breaks.
    """
    (
        text, embedding, kind, confidence, occurred, tags, source, session, metadata, more, linked,
    ) = item  # fmt: skip
    violations: list[str] = []
    content = _content(text, violations)
    if not (content or vector_given or embedding is not None or violations):
        violations.append("content is empty and there is no embedding; give at least one of them")
    # What was left out needs no look: checks cost more than the rest of a write's preparation.
    source = None if source is None else label("source", source, violations)
    session = None if session is None else label("session", session, violations)
    occurred_at = None if occurred is None else _occurred_at(occurred, violations)
    command = Remember(
        content,
        content_key(content, source, session, occurred_at),
        MemoryKind.EPISODIC.value if kind == "episodic" else _kind(kind, violations),
        _confidence(confidence, violations),
        occurred_at,
        source,
        session,
        labels("tags", "tag", tags, TAGS_COUNT_MAX, violations) if tags else (),
        b"" if metadata is None else _metadata(metadata, violations),
        b"",
        _NO_NORM,
        "",
        chance,
    )
    if linked is not True:
        command.associate = _flag("associate", linked, violations)
    if more:
        command.particulars, details = read_particulars(more, violations)
        command.metadata = joined(details, command.metadata)
    if violations:
        raise InvalidRequest(*violations)
    return command


def prepare_plain(text: object, confidence: object, chance: bytes) -> Remember:
    """Return the command of a text of which nothing else is said, its vector still to come.

    As `prepare`, which it is half the cost of, does for a text that comes with a vector.
    """
    if (
        type(text) is str
        and type(confidence) is float
        and text.isascii()
        and len(text) <= CONTENT_BYTES_MAX
        and 0.0 <= confidence <= 1.0
    ):
        content, given = text.encode(), confidence
    else:
        violations: list[str] = []
        content, given = _content(text, violations), _confidence(confidence, violations)
        if violations:
            raise InvalidRequest(*violations)
    key = _KEY(_HASHER(content, digest_size=_KEY_BYTES).digest(), "little") or 1 if content else 0
    # By position, as below.
    return Remember(
        content, key, 0, given, None, None, None, (), b"", b"", _NO_NORM, "", chance, None, None,
        True, True,
    )  # fmt: skip


def _text(text: str, chance: bytes) -> Remember:
    """Return the command of a bare text: `prepare` at a third of the cost, for bulk loads."""
    if text.isascii() and len(text) <= CONTENT_BYTES_MAX:
        content = text.encode()
    else:
        violations: list[str] = []
        content = _content(text, violations)
        if violations:
            raise InvalidRequest(*violations)
    key = _KEY(_HASHER(content, digest_size=_KEY_BYTES).digest(), "little") or 1 if content else 0
    # By position: arguments by name cost a tenth of all this.
    return Remember(
        content, key, 0, 1.0, None, None, None, (), b"", b"", _NO_NORM, "", chance, None, None,
        True, True,
    )  # fmt: skip


def prepare_many(
    items: Sequence[NewMemory | str], entropy: Entropy, vectors_given: bool
) -> list[Remember]:
    """Return a command for each item; nothing when one breaks a rule, then they are all named."""
    commands: list[Remember] = []
    violations: list[str] = []
    chance = entropy.token(RANDOM_BYTES_PER_ID * len(items))
    for position, item in enumerate(items):
        own = chance[position * RANDOM_BYTES_PER_ID : (position + 1) * RANDOM_BYTES_PER_ID]
        try:
            if type(item) is str and (item or vectors_given):
                commands.append(_text(item, own))
            else:
                commands.append(prepare(item_of(item), own, vector_given=vectors_given))
        except InvalidRequest as error:
            violations += [f"item {position}: {violation}" for violation in error.violations]
        except (AttributeError, TypeError) as error:
            violations.append(f"item {position}: not a text and not a memory's fields: {error}")
    check_none(violations)
    return commands


def check_none(violations: Sequence[str]) -> None:
    """Raise InvalidRequest with the first of them and the number of the others, if any."""
    if violations:
        hidden = len(violations) - VIOLATIONS_SHOWN_MAX
        more = [f"and {hidden} more"] if hidden > 0 else []
        raise InvalidRequest(*violations[:VIOLATIONS_SHOWN_MAX], *more)


def columns_of(
    commands: Sequence[Remember],
    rows: NDArray[np.float32] | None,
    norms: NDArray[np.float32] | None,
    embedder: str,
) -> RememberBatch:
    """Return the columns of commands that share one matrix of vectors, without copying it.

    `rows` holds a row for each command whose entry in `norms` is a number.
    """
    if rows is None or norms is None or not len(rows):
        return collect(commands, "", 0)
    batch = collect(commands, embedder, rows.shape[1])
    batch.vectors = rows.data.cast("B")
    batch.inverse_norms = norms.astype("<f4", copy=False).tobytes()
    return batch


def _content(text: object, violations: list[str]) -> bytes:
    if type(text) is str and text.isascii() and len(text) <= CONTENT_BYTES_MAX:
        return text.encode()
    if not isinstance(text, str):
        violations.append(f"content is {type(text).__name__}, not text")
        return b""
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        violations.append(
            f"content holds a lone surrogate at character {error.start}, which is no text; decode "
            "it properly, or use errors='replace'"
        )
        return b""
    if len(content) > CONTENT_BYTES_MAX:
        violations.append(
            f"content has {len(content):,} bytes of UTF-8, over content_bytes_max of "
            f"{CONTENT_BYTES_MAX:,}; split it into several memories"
        )
    return content


def content_key(
    content: bytes, source: str | None, session: str | None, occurred_at: int | None
) -> int:
    """Return a 64-bit key of what makes two memories one; 0 when there is no content."""
    if source is None and session is None and occurred_at is None:
        return _plain_key(content)
    if not content:
        return 0
    hasher = _HASHER(content, digest_size=_KEY_BYTES)
    hasher.update(repr((source, session, occurred_at)).encode())
    return _KEY(hasher.digest(), "little") or 1


def _plain_key(content: bytes) -> int:
    """Return the key of a text that comes from nowhere and no time in particular."""
    return _KEY(_HASHER(content, digest_size=_KEY_BYTES).digest(), "little") or 1 if content else 0


def plain_keys(contents: Sequence[bytes]) -> bytes:
    """Return the keys of such texts as the log holds them: u64 each."""
    # A digest read as a number and written again is the digest.
    keys = b"".join([_HASHER(each, digest_size=_KEY_BYTES).digest() for each in contents])
    if not all(contents) or not np.frombuffer(keys, "<u8").all():
        return b"".join([_plain_key(each).to_bytes(_KEY_BYTES, "little") for each in contents])
    return keys


def _kind(name: object, violations: list[str]) -> int:
    try:
        return int(MemoryKind.parse(cast("str", name)))
    except InvalidRequest as error:
        violations += error.violations
        return 0


def _flag(field: str, value: object, violations: list[str]) -> bool:
    if not isinstance(value, bool):
        violations.append(f"{field} {value!r} is neither True nor False")
    return value is True


def _confidence(value: object, violations: list[str]) -> float:
    if type(value) is float and 0.0 <= value <= 1.0:
        return value
    if isinstance(value, str) and value in NUMBERS:
        return NUMBERS[value]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        violations.append(
            f"confidence {value!r} is not a number from 0 to 1, nor one of {', '.join(NUMBERS)}"
        )
        return 0.0
    return float(value)


def _occurred_at(moment: object, violations: list[str]) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        violations.append(f"occurred_at is {type(moment).__name__}, not a datetime")
        return None
    try:
        return to_nanoseconds(moment)
    except InvalidRequest as error:
        violations += error.violations
        return None


def _flaw(value: object, depth: int) -> str:
    """Return what JSON would change in silence, or what could not be read back; else nothing."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"holds {value}, which JSON does not know"
    if not isinstance(value, Mapping | list | tuple):
        return ""
    if not depth:
        return f"is nested deeper than metadata_depth_max of {METADATA_DEPTH_MAX}"
    inner = value.values() if isinstance(value, Mapping) else value
    return next(filter(None, (_flaw(item, depth - 1) for item in inner)), "")


def _metadata(value: object, violations: list[str]) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, Mapping):
        violations.append(f"metadata is {type(value).__name__}, not a mapping")
        return b""
    try:
        encoded = _JSON.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        violations.append(f"metadata cannot be written as JSON: {error}")
        return b""
    flaw = _flaw(value, METADATA_DEPTH_MAX)
    if flaw:
        violations.append(f"metadata {flaw}")
    if len(encoded) > METADATA_BYTES_MAX:
        violations.append(
            f"metadata has {len(encoded):,} bytes of JSON, over metadata_bytes_max of "
            f"{METADATA_BYTES_MAX:,}"
        )
    return encoded
