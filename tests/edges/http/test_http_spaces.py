"""Which memory space a request is about: one place decides, and no route goes past it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from engram.adapters.local.clock import SystemClock
from engram.edges.http.app import make_app
from engram.edges.http.door import Door, Host
from engram.settings import Settings
from engram.wiring import open_store

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


async def test_no_route_is_reachable_without_the_space_being_looked_at(http: Caller) -> None:
    """Each route, by each method, refuses an invalid id with the rule; none takes another one."""
    assert len(http.routes) > 25
    for route in http.routes:
        assert isinstance(route.app, Door), route.path
        path = route.path.format(id="0190a6b4-5c1e-7d3a-9f00-0123456789ab", space="default")
        for method in METHODS:
            answer = await http(method, path, X_Memory_Space="Not An Id")
            assert answer.status_code == 400, (method, path)
            if method != "HEAD":
                assert "^[a-z0-9_-]{1,64}$" in answer.json()["detail"], (method, path)


async def test_every_handler_is_given_the_space_that_was_named(http: Caller) -> None:
    """Each endpoint answers with the space it worked on, also when it refuses."""
    for route in http.routes:
        door = route.app
        assert isinstance(door, Door)
        for method, endpoint in door.endpoints.items():
            if endpoint.target != "request" or "{space}" in route.path:
                continue
            path = route.path.format(id="0190a6b4-5c1e-7d3a-9f00-0123456789ab")
            body: Any = None if endpoint.body is None else {}
            answer = await http(method, path, body, X_Memory_Space="tenant-7")
            if answer.status_code == 400:  # its body or query lacks what is required
                if method != "HEAD":
                    assert answer.json()["code"] == "INVALID_REQUEST"
                continue
            assert answer.headers["x-memory-space"] == "tenant-7", (method, path)


@pytest.mark.parametrize(
    ("header", "query", "body", "space"),
    [
        ("h", "q", "b", "h"),
        (None, "q", "b", "q"),
        (None, None, "b", "b"),
        (None, None, None, "default"),
        ("h", None, "b", "h"),
    ],
)
async def test_header_beats_query_beats_body_beats_default(
    http: Caller, header: str | None, query: str | None, body: str | None, space: str
) -> None:
    """The memory is where the first of them says, and nowhere else."""
    headers = {} if header is None else {"X_Memory_Space": header}
    path = "/api/v1/memories" + ("" if query is None else f"?space={query}")
    for field in ("memory_space", "memory_space_id"):
        sent = {"content": field} | ({} if body is None else {field: body})
        answer = await http("POST", path, sent, **headers)
        assert answer.status_code == 201
        assert (answer.json()["space"], answer.headers["x-memory-space"]) == (space, space)
    held = {each.id: each.memories for each in await http.db.spaces()}
    assert held == {"default": 0} | {space: 2}


async def test_an_id_that_is_not_used_is_checked_all_the_same(http: Caller) -> None:
    """An invalid id in the query is refused though the header names a valid one."""
    answer = await http("GET", "/api/v1/memories?space=Q", X_Memory_Space="default")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


async def test_two_different_names_in_one_place_are_refused(http: Caller) -> None:
    """Neither of two headers, nor of the body's two fields, wins over the other."""
    both = [("X-Memory-Space", "a"), ("X-Memory-Space", "b")]
    answer = await http.client.get("/api/v1/memories", headers=both)
    assert (answer.status_code, "came twice" in answer.json()["detail"]) == (400, True)
    body = {"content": "x", "memory_space": "a", "memory_space_id": "b"}
    answer = await http("POST", "/api/v1/memories", body)
    assert (answer.status_code, "different spaces" in answer.json()["detail"]) == (400, True)


async def test_a_read_of_an_unknown_space_says_how_to_create_it(http: Caller) -> None:
    """404, with the command; and nothing was created by asking."""
    answer = await http("GET", "/api/v1/memories/recall?query=x&space=nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert "create it with" in answer.json()["detail"]
    assert [each.id for each in await http.db.spaces()] == ["default"]


async def test_where_writes_create_no_space_the_first_one_is_404(
    http: Caller, tmp_path: Path
) -> None:
    """It says how to create it, by any way to write; once it is there, it is written to."""
    settings = Settings(create_on_write=False, embedder="none", kernels="numpy")
    async with open_store(tmp_path / "other", settings=settings) as db:
        app = make_app(Host(db, "1", "s", SystemClock()))
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            body = {"content": "x", "memory_space": "notes"}
            for path, sent in (
                ("/api/v1/memories", body),
                (
                    "/api/v1/memories/batch",
                    {"memories": [{"content": "x"}], "memory_space": "notes"},
                ),
                ("/api/v1/episodes/remember", {"what": "x", "memory_space": "notes"}),
            ):
                answer = await client.post(path, json=sent)
                assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
                assert "create it with" in answer.json()["detail"]
            assert (await client.post("/api/v1/spaces", json={"id": "notes"})).status_code == 201
            assert (await client.post("/api/v1/memories", json=body)).status_code == 201
    assert (await http("POST", "/api/v1/memories", body)).status_code == 201


async def test_spaces_are_created_listed_described_and_deleted(http: Caller) -> None:
    """A second creation is a conflict; `default` stays; a path names its space, no header does."""
    made = await http("POST", "/api/v1/spaces", {"id": "notes"})
    assert (made.status_code, made.json()) == (201, {"id": "notes", "created": True})
    again = await http("POST", "/api/v1/spaces", {"id": "notes"})
    assert (again.status_code, again.json()["code"]) == (409, "CONFLICT")
    listed = (await http("GET", "/api/v1/spaces")).json()["spaces"]
    assert [each["id"] for each in listed] == ["default", "notes"]
    stats = await http("GET", "/api/v1/spaces/notes", X_Memory_Space="default")
    assert (stats.status_code, stats.json()["id"]) == (200, "notes")
    gone = await http("DELETE", "/api/v1/spaces/notes")
    assert gone.json() == {"id": "notes", "deleted": True}
    assert (await http("GET", "/api/v1/spaces/notes")).status_code == 404
    assert (await http("DELETE", "/api/v1/spaces/default")).status_code == 400


async def test_spaces_share_nothing(http: Caller) -> None:
    """What one space holds is neither recalled nor got nor listed in another."""
    memory_id = await http.remembered("the kettle is blue", memory_space="a")
    await http.remembered("nothing of the sort", memory_space="b")
    found = await http("GET", "/api/v1/memories/recall?query=kettle&space=b")
    assert found.json()["recollections"] == []
    assert (await http("GET", f"/api/v1/memories/{memory_id}?space=b")).status_code == 404
    assert (await http("GET", "/api/v1/memories?space=b")).json()["total"] == 1
