"""The server describes itself: OpenAPI made of the types it uses, and a page without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from engram.edges.http.app import ENDPOINTS
from engram.edges.http.description import openapi

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object within a JSON value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from walk(each)


async def test_every_route_and_method_is_described_and_no_other(http: Caller) -> None:
    """What the document lists is what the application has."""
    document = (await http("GET", "/api/v1/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    described = {
        (path, method.upper()) for path, found in document["paths"].items() for method in found
    }
    served = {
        (route.path, method)
        for route in http.routes
        for method in route.app.endpoints  # type: ignore[attr-defined]
        if method != "HEAD"
    }
    assert described == served


async def test_every_reference_leads_somewhere_and_every_type_is_used(http: Caller) -> None:
    """Nothing dangles in either direction."""
    document = (await http("GET", "/api/v1/openapi.json")).json()
    wanted = {each["$ref"].rpartition("/")[2] for each in walk(document) if "$ref" in each}
    assert wanted == set(document["components"]["schemas"])


def test_every_operation_has_a_name_of_its_own_and_its_parameters_are_declared() -> None:
    """What stands in braces in a path is a parameter; no parameter is declared twice."""
    document = openapi(ENDPOINTS, "1")
    names = []
    for path, found in document["paths"].items():
        for operation in found.values():
            names.append(operation["operationId"])
            given = [(each["in"], each["name"]) for each in operation["parameters"]]
            assert len(given) == len(set(given))
            assert {name for kind, name in given if kind == "path"} == set(
                re.findall(r"\{(\w+)\}", path)
            )
    assert len(names) == len(set(names))


def test_bodies_refuse_what_they_do_not_know() -> None:
    """The schema says so, as the server does."""
    document = openapi(ENDPOINTS, "1")
    bodies = {each.body.__name__ for each in ENDPOINTS if each.body is not None}
    assert len(bodies) > 10
    for name in bodies:
        assert document["components"]["schemas"][name]["additionalProperties"] is False, name


def test_answers_are_encoded_as_they_are_described() -> None:
    """Each type of an answer can be read again from its own JSON schema's names."""
    document = openapi(ENDPOINTS, "1")
    for each in ENDPOINTS:
        if each.answer in {str, bytes}:
            continue
        schema = document["components"]["schemas"][each.answer.__name__]
        fields = {field.encode_name for field in msgspec.structs.fields(each.answer)}
        assert set(schema["properties"]) == fields


async def test_the_page_needs_nothing_from_elsewhere(http: Caller) -> None:
    """No script, no style sheet, no picture; each endpoint and each code is there."""
    answer = await http("GET", "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = answer.text
    assert not re.search(r"<script|<link|<img|https?://|@import|url\(", page)
    for each in ENDPOINTS:
        assert each.path in page
        assert each.summary in page.replace("&#x27;", "'")
    anchors = set(re.findall(r"id='([^']+)'", page))
    assert set(re.findall(r"href='#([^']+)'", page)) <= anchors
    assert "NOT_FOUND" in anchors


async def test_health_is_measured_and_readiness_follows_recovery(http: Caller) -> None:
    """The keys that were promised; 503 until the spaces of the start are open."""
    await http.remembered("x", memory_space="a")
    spaces = (await http("GET", "/api/v1/system/health")).json()["spaces"]
    assert [(each["space"], each["memories"]) for each in spaces] == [("a", 1), ("default", 0)]
    assert set(spaces[0]) >= {"pressure", "wal_lag_ms", "consolidation_rate", "phase", "hot"}
    (one,) = (await http("GET", "/api/v1/system/health?space=a")).json()["spaces"]
    assert one["space"] == "a"
    assert (await http("GET", "/api/v1/system/health?space=b")).status_code == 404
    waiting = await http("GET", "/health/ready")
    assert (waiting.status_code, waiting.json()["ready"]) == (503, False)
    http.host.is_recovered = True
    ready = await http("GET", "/health/ready")
    assert (ready.status_code, ready.json()) == (
        200,
        {"ready": True, "recovering": 0, "unavailable": 0},
    )
    assert (await http("HEAD", "/health")).content == b""


async def test_the_server_says_what_it_is_made_of(http: Caller) -> None:
    """Version, kernels and every number it measures."""
    value = (await http("GET", "/api/v1/system/introspect")).json()
    assert (value["version"], value["kernels"], value["embedder"]) == ("9.9.9", "numpy", None)
    assert value["metrics"]['engram_memories{memory_space="default"}'] == 0
    assert value["metrics"]["engram_rate_limited_total"] == 0
