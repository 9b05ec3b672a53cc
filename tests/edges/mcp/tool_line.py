"""A client of the library whose verbs go through tools, where there is one for them.

So the table of scenarios, which calls the verbs of the library, runs through the tools as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import TextResourceContents

from engram.edges.client.arguments import encoded, json_of
from engram.edges.client.http_line import HttpLine
from engram.edges.client.line import Asked, Line
from engram.edges.client.refused import error_of
from engram.edges.mcp.schemas import schema_of
from engram.edges.mcp.tools import TOOLS

T = TypeVar("T")
_LISTS = frozenset(
    (
        *("tags_all", "tags_any", "tags_none", "kinds", "sources", "sessions"),
        *("entities_all", "entities_any", "entities_none"),
    )
)


_SIMPLE = {
    ("POST", "memories", "recall"): "recall",
    ("POST", "memories", "recognize"): "recognize",
    ("POST", "memories", "forget"): "forget",
    ("POST", "spread"): "spread",
    ("POST", "consolidations"): "consolidate",
    ("GET", "memories"): "list",
}
"""Requests whose fields are the arguments of a tool."""


class ToolCall(NamedTuple):
    """A request of the client as a call of a tool."""

    name: str
    arguments: dict[str, Any]
    shaped: Callable[[Any], Any] = lambda value: value
    """Makes the answer of HTTP of that of the tool."""


class ToolLine(HttpLine):
    """Carries requests to tools, and to the HTTP interface those that no tool takes."""

    def __init__(self, line: Line, client: Client, called: Counter[str]) -> None:
        vars(self).update(vars(line))
        self._client, self._called = client, called

    async def ask(self, asked: Asked, kind: type[T], body: Any = None) -> T:
        """Carry out a request and return its answer as a value of `kind`."""
        if asked.method == "GET" and asked.path.startswith("/memories/") and not asked.query:
            memory_id = asked.path.removeprefix("/memories/")
            if "/" not in memory_id:
                return await self._read(f"engram://{asked.space}/memories/{memory_id}", kind)
        raw = asked.body if body is None else json_of(body)
        fields = {} if raw is None else msgspec.json.decode(raw)
        call = None if asked.deadline_ms is not None else _call(asked, fields)
        if call is None or "embedding" in call.arguments:
            return await super().ask(asked, kind, body)
        self._called[call.name] += 1
        result = await self._client.call_tool(call.name, {"space": asked.space} | call.arguments)
        if result.is_error:
            raise error_of("tools", 0, msgspec.json.encode(result.structured_content))
        whole = restored(result.structured_content, schema_of(TOOLS[call.name].answers))
        return msgspec.convert(call.shaped(whole), kind)

    async def _read(self, uri: str, kind: type[T]) -> T:
        self._called["resource"] += 1
        try:
            (found,) = (await self._client.read_resource(uri)).contents
        except MCPError as error:
            raise error_of("tools", 0, msgspec.json.encode(error.data)) from None
        assert isinstance(found, TextResourceContents)
        return msgspec.json.decode(found.text, type=kind)


def restored(value: Any, schema: dict[str, Any]) -> Any:
    """Return an answer with the fields that were left out, because they said nothing."""
    if isinstance(value, list) and "items" in schema and schema["items"]:
        return [restored(each, schema["items"]) for each in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    fields: dict[str, dict[str, Any]] = schema["properties"]
    return {
        name: restored(value[name], field) if name in value else _nothing(field)
        for name, field in fields.items()
    }


def _nothing(schema: dict[str, Any]) -> Any:
    kinds = schema.get("type")
    if isinstance(kinds, str):
        return {"array": [], "object": {}}.get(kinds)
    return None


def _call(asked: Asked, fields: dict[str, Any]) -> ToolCall | None:
    """Return a request as a call; None when no tool takes it."""
    first, *rest = asked.path.strip("/").split("/")
    key = {} if asked.key is None else {"request_key": asked.key}
    given = fields | key
    found: ToolCall | None = None
    match asked.method, first, *rest:
        case "POST", "memories":
            found = ToolCall("remember", given, _remembered)
        case "POST", "memories", "batch":
            has_vectors = any("embedding" in each for each in fields["memories"])
            found = None if has_vectors else ToolCall("remember", given)
        case "POST", "memories", memory_id, "associations":
            found = ToolCall("associate", {"source_id": memory_id} | fields)
        case "PATCH", "memories", memory_id:
            found = ToolCall("correct", {"memory_id": memory_id} | given)
        case "DELETE", "memories", memory_id:
            mode = dict(parse_qsl(encoded(asked.query)))
            key = {} if mode.get("mode") == "erase" else key
            found = ToolCall("forget", {"memory_ids": [memory_id]} | mode | key)
        case "GET", "spaces", space:
            found = ToolCall("stats", {"space": space})
        case "POST", "memories", "recognize" if "query" not in fields:
            found = None
        case _:
            name = _SIMPLE.get((asked.method, first, *rest))
            found = None if name is None else ToolCall(name, fields or _plain(encoded(asked.query)))
    return found


def _remembered(value: Mapping[str, Any]) -> dict[str, Any]:
    (memory_id,) = value["ids"]
    return {"id": memory_id, "lsn": value["lsn"], "created": value["created_count"] == 1}


def _plain(query: str) -> dict[str, Any]:
    """Return the query of a listing with its numbers, truths and lists."""
    found: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in _LISTS:
            found.setdefault(name, []).append(text)
            continue
        try:
            found[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found[name] = text
    return found
