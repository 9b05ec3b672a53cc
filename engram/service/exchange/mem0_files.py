"""What `get_all()` of mem0 returns, as JSON: `{"results": [...]}`, or its memories alone.

The shape is that of `Memory._get_all_from_vector_store` in mem0/memory/main.py (mem0ai 2.2): `id`,
`memory`, `hash`, `created_at`, `updated_at`, `metadata`, and of `user_id`, `agent_id`, `run_id`,
`actor_id`, `role`, `attributed_to` those there are.
"""

from __future__ import annotations

from typing import Any, BinaryIO

import msgspec

from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest
from engram.service.exchange.mapping import MAPPINGS, fields_from
from engram.service.exchange.records import (
    Document,
    Records,
    Repeats,
    as_line,
    documents,
    object_of,
)
from engram.service.exchange.text_files import Raw


class _Page(msgspec.Struct):
    results: list[msgspec.Raw]


def records(file: BinaryIO) -> Records:
    """Yield the memories of a file. Blocks."""
    repeats, count = Repeats(), 0
    for document in documents(file):
        found = _listed(document)
        for at, data in enumerate(found, 1):
            count += 1
            yield _raw(count, data, repeats), document.end(at, len(found))


def _listed(document: Document) -> list[msgspec.Raw]:
    data = document.data
    try:
        if data.lstrip().startswith(b"["):
            return json_decoder(list[msgspec.Raw]).decode(data)
        try:
            return json_decoder(_Page).decode(data).results
        except msgspec.ValidationError:
            return [json_decoder(msgspec.Raw).decode(data)]
    except msgspec.DecodeError as error:
        if document.number > 1:
            return [msgspec.Raw(data)]  # told as a record that is no JSON
        raise InvalidRequest(f"that is no JSON of mem0: {error}") from error


def _raw(number: int, data: msgspec.Raw, repeats: Repeats) -> Raw:
    place = f"record {number}"
    try:
        record = object_of(data)
        own = dict(record)
        content = own.pop(MAPPINGS["mem0"].content[0], None)
        metadata = own.pop("metadata", None)
        for taken in (*MAPPINGS["mem0"].time, *MAPPINGS["mem0"].tags, *MAPPINGS["mem0"].expires):
            own.pop(taken, None)
        fields = fields_from(
            "mem0", record, content, source="mem0", metadata=metadata, own=_told(own)
        )
    except ValueError as error:
        return Raw(number, as_line(data), None, str(error), place)
    return repeats.raw(number, fields, str(record.get("id", number)), place=place)


def _told(own: dict[str, Any]) -> dict[str, Any]:
    """Return what is worth keeping: not what a search added."""
    return {name: value for name, value in own.items() if name != "score"}
