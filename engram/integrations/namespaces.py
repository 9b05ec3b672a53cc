"""Namespaces of LangGraph, which are paths, as labels of memories."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from engram.integrations.bridge import every
from engram.integrations.extras import extra
from engram.model.errors import SpaceNotFound
from engram.model.limits import LABEL_CHARACTERS_MAX, LIMIT_MAX
from engram.service.space import Space

with extra("langgraph"):
    from langgraph.store.base import ListNamespacesOp, MatchCondition

# The tag of every item.
TAG: Final = "langgraph"
# Labels of namespaces hold no dots, so one that is joined by them can be parted again.
_SEPARATOR: Final = "."
_DIGEST_BYTES: Final = 16
_SHORTENED: Final = "~"
_ANY: Final = "*"

Namespace = tuple[str, ...]


def label_of(text: str) -> str:
    """Return a label for a text; one that is too long, or none, ends with the digest of it all."""
    if 0 < len(text) <= LABEL_CHARACTERS_MAX:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES)
    tail = f"{_SHORTENED}{digest.hexdigest()}"
    return f"{text[: LABEL_CHARACTERS_MAX - len(tail)]}{tail}"


def namespace_label(namespace: Sequence[str]) -> str:
    """Return the label of a namespace."""
    return label_of(f"{TAG}:{_SEPARATOR.join(namespace)}")


def prefix_labels(namespace: Sequence[str]) -> list[str]:
    """Return the label of each namespace that holds this one, and its own last."""
    return [namespace_label(namespace[:depth]) for depth in range(1, len(namespace) + 1)]


async def listed(space: Space, op: ListNamespacesOp) -> list[Namespace]:
    """Return the namespaces that hold items and meet the conditions, sorted.

    Costs a count of labels; with more than 1,000 namespaces, or one of over 117 characters, a look
    at every item.
    """
    conditions = op.match_conditions or ()
    found = {
        namespace
        for namespace in await _namespaces(space)
        if all(_meets(namespace, condition) for condition in conditions)
    }
    if op.max_depth is not None:
        found = {namespace[: op.max_depth] for namespace in found}
    return sorted(found)[op.offset : op.offset + op.limit]


async def _namespaces(space: Space) -> Iterable[Namespace]:
    try:
        counted = await space.labels("session", prefix=f"{TAG}:", limit=LIMIT_MAX)
    except SpaceNotFound:
        return ()
    labels = [each.label for each in counted]
    if len(labels) < LIMIT_MAX and not any(len(each) == LABEL_CHARACTERS_MAX for each in labels):
        start = len(TAG) + 1
        return [
            tuple(each[start:].split(_SEPARATOR)) for each in labels if each.startswith(f"{TAG}:")
        ]
    items = await every(space, tags_all=[TAG])
    return [tuple((item.metadata or {})[TAG]["namespace"]) for item in items]


def _meets(namespace: Namespace, condition: MatchCondition) -> bool:
    path = tuple(condition.path)
    if len(path) > len(namespace):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[-len(path) :]
    return all(wanted in (_ANY, name) for name, wanted in zip(part, path, strict=False))
