"""A recall made by hand, with a node of every look in its picture."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from engram.model.explanation import PathStep
from engram.model.memory import Memory
from engram.model.recall_result import RecallResult
from engram.model.recollection import (
    Interval,
    QueryAnalysis,
    Recollection,
)

_TEXTS: Final = (
    ("chain", "Ben repaired the chain in his garage with a part from an old moped", "vivid"),
    ("market", "Ana bought a red bicycle at the flea market on Saturday", "vivid"),
    ("ride", "She rode it along the river until the chain broke", "associated"),
    ("uncle", "The garage on Mill Street belongs to an uncle who collects mopeds", "associated"),
    ("summary", "Ana and Ben mend what they own themselves", "reconstructed"),
)
_SCORES: Final = (0.81, 0.7, 0.48, 0.36, 0.31)


def _step(name: str, kind: str | None = None, weight: float = 1.0) -> PathStep:
    if name.startswith("#"):
        return PathStep(None, name[1:], kind, weight)
    text = next((text for each, text, _ in _TEXTS if each == name), "The trip was short")
    return PathStep(name, text, kind, weight)


_WAYS: Final = {
    "chain": (),
    "market": (
        (_step("chain"), _step("ride", "temporal", 0.25), _step("market", "temporal", 0.25)),
    ),
    "ride": (
        (_step("chain"), _step("ride", "causal", 0.9)),
        (_step("market"), _step("ride", "temporal", 1.0)),
    ),
    "uncle": ((_step("chain"), _step("#Ben", "mentions", 0.5), _step("uncle", "mentions", 0.5)),),
    "summary": (
        (_step("market"), _step("trip", "semantic", 0.7), _step("summary", "derived", 0.8)),
    ),
}


def recall_of_every_look() -> RecallResult:
    """Return what "who repaired the bicycle?" might recall."""
    when = datetime(2026, 3, 14, tzinfo=UTC)
    hits = []
    for (name, text, group), score in zip(_TEXTS, _SCORES, strict=True):
        memory = Memory(name, "default", text, "episodic", 1.0, when, when)
        parts = {"similarity": score - 0.1, "lexical": 0.0, "activation": 0.2}
        interval = Interval(score - 0.2, score)
        hits.append(
            Recollection(
                memory, score, parts, (), "", score, interval, group, (_WAYS[name] or ((),))[0],
                _WAYS[name],
            )
        )  # fmt: skip
    asked = QueryAnalysis("hybrid", has_vector=True, seeds=2, reached=7, edges=19)
    return RecallResult(
        tuple(hits), {}, 240, 240, 1, query_analysis=asked, cue="who repaired the bicycle?"
    )
