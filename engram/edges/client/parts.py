"""Many memories cut into bodies of requests, each as large as a server takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from engram.edges.client.arguments import json_of
from engram.edges.client.limits import PART_BYTES_MAX, PART_COUNT_MAX


class Part(NamedTuple):
    """Memories of one request."""

    body: Any
    """As the line sends it."""
    items_count: int


def parts(items: list[dict[str, Any]]) -> Iterator[Part]:
    """Yield the bodies of the requests that carry items, each as large as a server takes."""
    texts: list[bytes] = []
    size = 0
    for item in items:
        text = json_of(item)
        if texts and (len(texts) == PART_COUNT_MAX or size + len(text) > PART_BYTES_MAX):
            yield _part(texts)
            texts, size = [], 0
        texts.append(text)
        size += len(text) + 1
    if texts:
        yield _part(texts)


def _part(texts: list[bytes]) -> Part:
    return Part(b'{"memories":[' + b",".join(texts) + b"]}", len(texts))
