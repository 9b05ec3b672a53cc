"""The description of the HTTP interface: OpenAPI 3.1 and a page, both made of the endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

import msgspec

from engram.edges.http.calls import Call, Endpoint, Raw
from engram.edges.http.described_page import page_of
from engram.edges.http.limits import BODY_BYTES_MAX, TIMEOUT_MS_MAX
from engram.edges.http.links import add_links
from engram.edges.http.problems import REMEDIES, Problem
from engram.edges.http.sockets import SWITCHING
from engram.model.ids import DEFAULT_SPACE, SPACE_RULE
from engram.model.limits import REQUEST_KEY_CHARACTERS_MAX
from engram.service.wire.names import NAME_CHARACTERS_MAX
from engram.service.wire.refusals import TITLES

OPENAPI_PATH: Final = "/api/v1/openapi.json"
DOCS_PATH: Final = "/docs"
_REFERENCE: Final = "#/components/schemas/{name}"
_HEADERS: Final = {
    "X-Memory-Space": (
        f"The memory space; beats ?space=, which beats the body's; else `{DEFAULT_SPACE}`.",
        {"type": "string", "pattern": SPACE_RULE},
    ),
    "X-Request-Timeout-Ms": (
        "After this many milliseconds the work stops, and the answer is 504.",
        {"type": "integer", "minimum": 1, "maximum": TIMEOUT_MS_MAX},
    ),
    "X-Request-Id": (
        "What the caller calls this request; the answer repeats it, or has one of its own.",
        {"type": "string", "maxLength": NAME_CHARACTERS_MAX},
    ),
    "X-Correlation-Id": (
        "What the caller calls the matter it belongs to; the answer repeats it.",
        {"type": "string", "maxLength": NAME_CHARACTERS_MAX},
    ),
}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_LINES: Final = {
    "schema": {
        "type": "string",
        "description": "A line for each memory, a JSON object with the fields of MemoryFields. A "
        "blank line lets what comes before it be stored at once.",
    }
}
_KEY: Final = (
    "Makes the request safe to repeat: the same key gets the first answer again, for 24 hours.",
    {"type": "string", "minLength": 1, "maxLength": REQUEST_KEY_CHARACTERS_MAX},
)
_LAST: Final = (
    "The LSN of the last event that was seen: the stream goes on behind it, and beats ?after=.",
    {"type": "integer", "minimum": 0},
)


class _Document(msgspec.Struct, frozen=True):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


def endpoints_about(endpoints: tuple[Endpoint, ...], version: str) -> tuple[Endpoint, Endpoint]:
    """Return the endpoints that describe all others, and themselves."""
    own: tuple[Endpoint, Endpoint]

    @cache
    def described() -> dict[str, Any]:
        return openapi((*endpoints, *own), version)

    async def as_json(call: Call) -> Raw:  # noqa: ARG001 - handlers are called alike
        return Raw(msgspec.json.encode(described()))

    async def as_page(call: Call) -> Raw:  # noqa: ARG001 - as above
        return Raw(page_of(described()).encode(), b"text/html; charset=utf-8")

    own = (
        Endpoint(
            "GET",
            OPENAPI_PATH,
            "Get this description as OpenAPI 3.1.",
            as_json,
            _Document,
            is_public=True,
        ),
        Endpoint(
            "GET", DOCS_PATH, "Read this description as a page.", as_page, str, is_public=True
        ),
    )
    return own


def openapi(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of some endpoints."""
    listed = tuple(endpoints)
    kinds: list[Any] = [Problem]
    for each in listed:
        bodies = () if each.body is None else (each.body,)
        kinds += each.answer, each.query, *bodies
        if each.by_lines is not None:
            kinds += each.by_lines.answer, each.by_lines.query
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    by_kind = dict(zip(map(id, kinds), schemas, strict=True))
    paths: dict[str, Any] = {}
    for each in listed:
        operation = _operation(each, by_kind, components)
        paths.setdefault(each.path, {})[each.method.lower()] = operation
    add_links(paths, listed, _operation_id)
    used = {each.query.__name__ for each in _all(listed)} - {
        each.body.__name__ for each in listed if each.body is not None
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Engram",
            "version": version,
            "description": _about(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {
                name: schema for name, schema in sorted(components.items()) if name not in used
            }
        },
    }


def _all(listed: Iterable[Endpoint]) -> Iterator[Endpoint]:
    for each in listed:
        yield each
        if each.by_lines is not None:
            yield each.by_lines


def _about() -> str:
    codes = "\n".join(
        f"- `{code}`: {title}." + (f" Remedy: {REMEDIES[code]}." if code in REMEDIES else "")
        for code, title in TITLES.items()
    )
    return (
        "A durable memory engine over HTTP. Bodies are JSON of at most "
        f"{BODY_BYTES_MAX >> 20} MiB; unknown fields and parameters are refused by name. Errors "
        f"are problem details (RFC 9457) with one of these codes:\n\n{codes}"
    )


def _operation(
    each: Endpoint, schemas: dict[int, Any], components: dict[str, Any]
) -> dict[str, Any]:
    parameters = [*_in_path(each), *_in_query(each, components), *_in_headers(each)]
    found: dict[str, Any] = {
        "operationId": _operation_id(each),
        "summary": each.summary,
        "parameters": parameters,
        "responses": dict(_responses(each, schemas)),
    }
    if each.body is not None:
        required = bool(components[each.body.__name__].get("required"))
        content = {"application/json": {"schema": schemas[id(each.body)]}}
        found["requestBody"] = {"required": required, "content": content}
        if each.by_lines is not None:
            content[str(each.by_lines.takes)] = _LINES
            known = {one["name"] for one in parameters}
            more = _in_query(each.by_lines, components)
            parameters += [one for one in more if one["name"] not in known]
    if each.takes is not None:
        found["requestBody"] = {"required": True, "content": {each.takes: _BINARY}}
    return found


def _operation_id(each: Endpoint) -> str:
    words = each.path.removeprefix("/api/v1").replace("{", "").replace("}", "").split("/")
    return "_".join([each.method.lower(), *filter(None, words)]).replace(".", "_")


def _in_path(each: Endpoint) -> Iterator[dict[str, Any]]:
    for name, about in (("id", "The id of a memory."), ("space", "The id of a memory space.")):
        if f"{{{name}}}" in each.path:
            schema = {"type": "string"} | ({"pattern": SPACE_RULE} if name == "space" else {})
            yield {
                "name": name,
                "in": "path",
                "required": True,
                "description": about,
                "schema": schema,
            }


def _in_query(each: Endpoint, components: dict[str, Any]) -> Iterator[dict[str, Any]]:
    schema = components[each.query.__name__]
    for name, told in schema["properties"].items():
        plain = _without_null(told)
        about = plain.pop("description", None)
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            **({} if about is None else {"description": about}),
            "schema": plain,
        }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that is left out where JSON would say null."""
    kept = {name: value for name, value in schema.items() if name != "anyOf"}
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(options) == 1:
        kept |= options[0]
    elif options:
        kept["anyOf"] = options
    if kept.get("default", 0) is None:
        del kept["default"]
    return kept


def _in_headers(each: Endpoint) -> Iterator[dict[str, Any]]:
    told = dict(_HEADERS)
    if each.takes_key:
        told["Idempotency-Key"] = _KEY
    if each.streams:
        told["Last-Event-ID"] = _LAST
    for name, (about, schema) in told.items():
        yield {"name": name, "in": "header", "description": about, "schema": schema}


def _responses(each: Endpoint, schemas: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    media_type = "application/json"
    if each.answer is str:
        media_type = "text/html" if each.path == DOCS_PATH else each.sends or "text/plain"
    if each.streams:
        media_type = "text/event-stream"
    answer = {media_type: {"schema": schemas[id(each.answer)]}}
    if each.answer is bytes:
        answer = {"application/x-tar": _BINARY}
    about = "The WebSocket is open." if each.status == SWITCHING else "Done."
    yield str(each.status), {"description": about, "content": answer}
    if each.by_lines is not None:
        lines = {str(each.by_lines.takes): {"schema": schemas[id(each.by_lines.answer)]}}
        yield str(each.by_lines.status), {"description": "Of lines: done so far.", "content": lines}
    if each.path == "/health/ready":
        yield "503", {"description": "Not ready.", "content": answer}
    problem = {"application/problem+json": {"schema": schemas[id(Problem)]}}
    for status, about in _errors(each):
        yield status, {"description": about, "content": problem}


def _errors(each: Endpoint) -> Iterator[tuple[str, str]]:
    yield "400", "The request breaks a rule; every violation is listed."
    if not each.is_public:
        yield "401", "The request shows no key or token that is valid."
        yield "403", "Who asks may not ask this memory space, or may not do this."
    if each.path.startswith("/api/v1"):
        yield "404", "There is no such memory space, or no such memory."
    has_body = each.body is not None or each.takes is not None
    if has_body:
        yield "408", "The body did not arrive in time."
    if each.writes:
        yield "409", "The request contradicts what is stored."
    if each.streams:
        yield "410", "The log does not go back as far as was asked; says how far it does."
    if has_body:
        yield "413", "The body is too large."
        takes = each.takes or "application/json"
        if each.by_lines is not None:
            takes += f" or {each.by_lines.takes}"
        yield "415", f"The body is not sent as {takes}."
    if each.path == "/api/v1/query":
        yield "422", "The statement would cost more than its budget."
    if each.status == SWITCHING:
        yield "426", "The path speaks WebSocket, and the request asks for none."
    if not each.is_public:
        yield "429", "The memory space was asked more often than it may be."
    yield from _own_errors(each)


def _own_errors(each: Endpoint) -> Iterator[tuple[str, str]]:
    yield "500", "The disk failed, or a bug was met."
    if each.path in {"/api/v1/backup", "/api/v1/restore"}:
        yield "501", "This server carries no backups."
    if each.path != "/health/ready":
        yield "503", "Too much is under way, or something does not answer; try again later."
    yield "504", "The time that was allowed is over."
    if each.writes:
        yield "507", "The memory space holds as much as its quota lets it."
