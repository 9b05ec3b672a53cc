"""Conversations with questions and their evidence, as LoCoMo's file has them.

Maharana et al., "Evaluating Very Long-Term Conversational Memory of LLM Agents", 2024. The file is
licensed CC BY-NC 4.0 and is not part of this project: whoever measures brings it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

CATEGORIES: Final = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}
ADVERSARIAL: Final = 5
"""Asks what was never said; left out of the headline."""

_evidence_ids: Final = re.compile(r"D:?(\d+):(\d+)").findall  # some are written D8:6; D9:17
_session_key: Final = re.compile(r"session_(\d+)").fullmatch


class Turn(NamedTuple):
    """One thing said: a memory."""

    name: str
    session: str
    said_at: datetime | None
    text: str


class Question(NamedTuple):
    """A question, the places in `turns` of all that answers it, and its category."""

    text: str
    evidence: frozenset[int]
    category: int


class Conversation(NamedTuple):
    """All turns of two speakers, in order, and what is asked about them."""

    name: str
    turns: list[Turn]
    questions: list[Question]


def conversation_of(sample: dict[str, Any]) -> Conversation:
    """Return a conversation of LoCoMo; questions without evidence are left out."""
    said = sample["conversation"]
    sessions = sorted(int(match[1]) for key in said if (match := _session_key(key)))
    turns = [
        Turn(_normal(turn["dia_id"]), f"session {session}", _moment(said, session), _text(turn))
        for session in sessions
        for turn in said[f"session_{session}"]
    ]
    places = {turn.name: place for place, turn in enumerate(turns)}
    questions = []
    for asked in sample["qa"]:
        names = [
            f"D{int(a)}:{int(b)}"
            for each in asked.get("evidence") or []
            for a, b in _evidence_ids(each)
        ]
        evidence = frozenset(places[name] for name in names if name in places)
        if evidence:
            questions.append(Question(asked["question"], evidence, asked["category"]))
    return Conversation(sample["sample_id"], turns, questions)


def _normal(name: str) -> str:
    [(session, turn)] = _evidence_ids(name)[:1]
    return f"D{int(session)}:{int(turn)}"


def _text(turn: dict[str, Any]) -> str:
    """Return what was said, with the caption of the picture that came along."""
    caption = turn.get("blip_caption")
    shared = f" [shares {caption}]" if caption else ""
    return f"{turn['speaker']}: {turn['text']}{shared}"


def _moment(said: dict[str, Any], session: int) -> datetime | None:
    written = said.get(f"session_{session}_date_time")
    if not written:
        return None
    return datetime.strptime(written, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
