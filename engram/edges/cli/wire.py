"""What the library returns, as JSON values."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from engram.model.details import Episode
    from engram.model.memory import ForgetReceipt, Memory
    from engram.model.recall_result import RecallResult
    from engram.model.recollection import Recollection


def memory_value(memory: Memory) -> dict[str, Any]:
    """Return a memory as a JSON value; times are ISO 8601 in UTC."""
    return {
        "id": memory.id,
        "space": memory.space,
        "content": memory.content,
        "kind": memory.kind,
        "confidence": memory.confidence,
        "occurred_at": memory.occurred_at.isoformat(),
        "recorded_at": memory.recorded_at.isoformat(),
        "ended_at": None if memory.ended_at is None else memory.ended_at.isoformat(),
        "tags": list(memory.tags),
        "source": memory.source,
        "session": memory.session,
        "metadata": memory.metadata,
        "seen_count": memory.seen_count,
        "stability_days": memory.stability_days,
        "difficulty": memory.difficulty,
        "retrievability": memory.retrievability,
        "access_count": memory.access_count,
        "last_access_at": None
        if memory.last_access_at is None
        else memory.last_access_at.isoformat(),
        "suppressed": memory.suppressed,
        "confidence_category": memory.confidence_category,
        "confidence_reason": memory.confidence_reason,
        "entities": list(memory.entities),
        "priority": memory.priority,
        "expires_at": None if memory.expires_at is None else memory.expires_at.isoformat(),
        "episode": None if memory.episode is None else _episode_value(memory.episode),
        "fact_key": memory.fact_key,
        "fact_value": memory.fact_value,
        "supersedes": memory.supersedes,
        "superseded_by": memory.superseded_by,
    }


def _episode_value(episode: Episode) -> dict[str, Any]:
    parts = {"what": episode.what, "where": episode.where, "why": episode.why, "how": episode.how}
    given: dict[str, Any] = {name: part for name, part in parts.items() if part is not None}
    return given | {"who": list(episode.who)} if episode.who else given


def recollection_value(hit: Recollection, *, explain: bool) -> dict[str, Any]:
    """Return one recalled memory with its score and parts, and why when it was asked for."""
    value: dict[str, Any] = {
        "score": hit.score,
        "relevance": hit.relevance,
        "parts": dict(hit.parts),
        "meaning": hit.meaning,
        "words": hit.words,
        "lead": hit.lead,
        "rank": hit.rank,
        "group": hit.group,
        "confidence": hit.confidence,
        "confidence_interval": list(hit.confidence_interval),
        "path": [step._asdict() for step in hit.path],
        "cites": list(hit.cites),
        "memory": memory_value(hit.memory),
    }
    if explain:
        value |= {
            "explanation": hit.explanation,
            "matched_terms": list(hit.matched_terms),
            "paths": [[step._asdict() for step in path] for path in hit.paths],
        }
    return value


def recall_value(result: RecallResult, *, explain: bool) -> dict[str, Any]:
    """Return a whole recall as a JSON value; timings are in microseconds."""
    return {
        "recollections": [recollection_value(hit, explain=explain) for hit in result],
        "candidates": result.candidates,
        "searched": result.searched,
        "lsn": result.lsn,
        "note": result.note,
        "recall_confidence": result.recall_confidence,
        "recall_confidence_interval": list(result.recall_confidence_interval),
        "query_analysis": msgspec.to_builtins(result.query_analysis),
        "timings_us": dict(result.timings_us),
    }


def print_json(value: Any) -> None:
    """Write one JSON value and a line feed to standard output."""
    json.dump(value, sys.stdout, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def receipt_value(receipt: ForgetReceipt, space: str) -> dict[str, Any]:
    """Return a receipt of forgetting as JSON can hold it."""
    value = {"ids": list(receipt.ids), "space": space, "mode": receipt.mode, "lsn": receipt.lsn}
    if receipt.erased_at is None:
        return value
    return {
        **value,
        "erased_at": receipt.erased_at.isoformat(),
        "segments_rewritten": receipt.segments_rewritten,
        "files_overwritten": receipt.files_overwritten,
        "bytes_overwritten": receipt.bytes_overwritten,
        "archives": list(receipt.archives),
    }
