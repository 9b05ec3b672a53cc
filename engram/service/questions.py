"""What a caller may ask a recall, and what of it breaks a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, TypedDict, cast

from numpy.typing import ArrayLike

from engram.model.cue import NO_FILTERS, Filters
from engram.model.errors import InvalidRequest
from engram.model.limits import CUE_CHARACTERS_MAX, CUE_MEMORIES_MAX, LIMIT_MAX
from engram.retrieval.asking import HYBRID, MODES, Hit
from engram.state.space import View

AskingVerb = Literal["recall", "recognize", "search"]

_LACKING: Final[Mapping[AskingVerb, str]] = {
    "recall": "recall needs a cue: a text, an embedding, memory ids, or several",
    "recognize": "recognize needs a cue: a text, an embedding, or both",
    "search": "search needs words to look for; name at least one, or list memories without any",
}
"""What each verb says to who asks for nothing."""


class FilterArguments(TypedDict, total=False):
    """The filters of recall and list; `as_of` is the time to ask about."""

    tags_all: Sequence[str]
    tags_any: Sequence[str]
    tags_none: Sequence[str]
    kinds: Sequence[str]
    sources: Sequence[str]
    sessions: Sequence[str]
    occurred_after: datetime | None
    occurred_before: datetime | None
    recorded_after: datetime | None
    recorded_before: datetime | None
    confidence_min: float | None
    as_of: datetime | None
    entities_all: Sequence[str]
    entities_any: Sequence[str]
    entities_none: Sequence[str]
    priority_min: int | None
    priority_max: int | None
    include_expired: bool
    metadata: Mapping[str, object] | None
    include_suppressed: bool


class RecallArguments(FilterArguments, total=False):
    """What a recall may be told besides its cue."""

    memory_ids: Sequence[str]
    mode: str
    reinforce: bool
    session: str | None
    deadline_ms: float | None


class Question(NamedTuple):
    """What a caller asked a recall for, as it came."""

    text: str | None
    embedding: ArrayLike | None
    limit: int
    explain: bool
    mode: str = HYBRID
    memory_ids: Sequence[str] = ()
    reinforce: bool = True
    session: str | None = None
    deadline_ms: float | None = None
    filters: Filters = NO_FILTERS
    """Those of a statement, in the place of those of the library."""
    select: Callable[[View, list[Hit]], list[Hit]] | None = None
    """What is listed of the hits, and in which order; None: all of them, best first."""
    verb: AskingVerb = "recall"
    """What was called; for `search` no vector is made of the text."""


def question_of(
    cue: str | None,
    embedding: ArrayLike | None,
    limit: int,
    *,
    explain: bool,
    more: RecallArguments,
) -> Question:
    """Return what is asked, and leave nothing but filters in `more`."""
    return Question(
        cue,
        embedding,
        limit,
        explain,
        more.pop("mode", HYBRID),
        more.pop("memory_ids", ()),
        more.pop("reinforce", True),
        more.pop("session", None),
        more.pop("deadline_ms", None),
    )


def check_question(question: Question) -> None:
    """Refuse a question that breaks a rule; InvalidRequest says which."""
    text = question.text
    check_limit(question.limit)
    if text is not None and not isinstance(text, str):
        raise InvalidRequest(f"the cue is {type(text).__name__}, not text")
    if not (text and text.strip()) and question.embedding is None and not question.memory_ids:
        raise InvalidRequest(_LACKING[question.verb])
    if text and len(text) > CUE_CHARACTERS_MAX:
        raise InvalidRequest(
            f"the cue has {len(text):,} characters, over cue_characters_max of "
            f"{CUE_CHARACTERS_MAX:,}; shorten it"
        )
    if isinstance(question.memory_ids, str) or len(question.memory_ids) > CUE_MEMORIES_MAX:
        raise InvalidRequest(f"memory_ids is no list of at most {CUE_MEMORIES_MAX} ids")
    session: object = question.session
    if session is not None and not (isinstance(session, str) and session.strip()):
        raise InvalidRequest(f"session {session!r} is not a name")
    if question.mode not in MODES:
        named = ", ".join(MODES)
        raise InvalidRequest(f"mode {question.mode!r} is not one of {named}")
    if question.deadline_ms is not None:
        check_deadline(question.deadline_ms)


def check_deadline(deadline_ms: object) -> None:
    """Refuse a deadline that is no number of milliseconds above 0; None is none."""
    is_number = isinstance(deadline_ms, int | float) and not isinstance(deadline_ms, bool)
    if deadline_ms is not None and not (is_number and cast("float", deadline_ms) > 0):
        raise InvalidRequest(f"deadline_ms {deadline_ms!r} is not a number above 0")


def check_limit(limit: object) -> int:
    """Return how many are wanted; InvalidRequest outside 1 to LIMIT_MAX."""
    if not isinstance(limit, int) or not 1 <= limit <= LIMIT_MAX:
        raise InvalidRequest(f"limit {limit!r} is not a whole number from 1 to {LIMIT_MAX}")
    return limit
