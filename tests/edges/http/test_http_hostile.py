"""Callers that mean no good: each is answered or let go of, and others are served meanwhile."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from engram.edges.http.limits import BODY_BYTES_MAX
from engram.edges.http.server import HttpServer
from engram.service.limiting import BUCKETS_COUNT_MAX, TokenBuckets
from tests.edges.http.served import served

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

MIB = 1 << 20
JSON = b"Host: localhost\r\nContent-Type: application/json\r\n"
ID = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"
WRONG_IDS = (
    "..",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f%2e%2e",
    "%00",
    "a%0d%0aSet-Cookie:%20x=1",
    "%ff%fe",
    "A" * 5_000,
    "'%20OR%201=1--",
    "%F0%9F%90%98",
    "%2e",
    "~",
    "wal",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServer]:
    """A server that all of them meet."""
    with served(tmp_path_factory.mktemp("hostile")) as each:
        yield each


@pytest.fixture
def line(server: HttpServer) -> Iterator[socket.socket]:
    """One connection to it; whoever has used it, the server is as it was."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as each:
        yield each
    with httpx2.Client(base_url=server.url) as client:
        assert client.get("/health").status_code == 200
        while server._host.under_way_count:
            client.get("/health")


def all_of(line: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    found = b""
    try:
        while part := line.recv(1 << 16):
            found += part
    except ConnectionResetError:  # it closed while more was on its way
        pass
    return found


def post(body: bytes, *more: bytes) -> bytes:
    """Return a request that remembers something, and closes after it."""
    head = b"".join([b"POST /api/v1/memories HTTP/1.1\r\n", JSON, b"Connection: close\r\n", *more])
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def test_a_body_of_100_mb_is_refused_by_its_length(line: socket.socket) -> None:
    """Nothing of it is read."""
    head = b"POST /api/v1/memories HTTP/1.1\r\n" + JSON + b"Content-Length: 104857600\r\n\r\n"
    line.sendall(head)
    answer = all_of(line)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"PAYLOAD_TOO_LARGE" in answer


def test_a_body_of_100_mb_without_a_length_is_read_no_further_than_its_limit(
    line: socket.socket,
) -> None:
    """What is sent beyond it finds the connection closed."""
    line.sendall(
        b"POST /api/v1/memories HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    )
    piece, sent = b"x" * MIB, 0
    try:
        while sent < 100 * MIB:
            line.sendall(b"%x\r\n" % MIB + piece + b"\r\n")
            sent += MIB
    except (ConnectionResetError, BrokenPipeError):
        pass
    # What the two ends of a connection buffer comes on top.
    assert BODY_BYTES_MAX <= sent + MIB < BODY_BYTES_MAX + 32 * MIB


@pytest.mark.parametrize("depth", [10, 500, 5_000, 1_000_000])
@pytest.mark.parametrize("field", ["content", "metadata"])
def test_json_that_is_nested_deeply_is_stored_whole_or_refused(
    server: HttpServer, line: socket.socket, depth: int, field: str
) -> None:
    """It never meets the end of a stack."""
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    line.sendall(post(b'{"content":"x","%s":%s}' % (field.encode(), nested)))
    status = int(all_of(line).split(b" ")[1])
    assert status in {201, 400}
    with httpx2.Client(base_url=server.url) as client:
        assert client.get("/api/v1/memories").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"content":"\xff\xfe"}',
        b'{"content":"\xc0\xaf"}',
        b'{"content":"\xed\xa0\x80"}',
        rb'{"content":"\ud800"}',
        b'{"cont\xffent":"x"}',
        b'\xef\xbb\xbf{"content":"x"}',
        '{"content":"x"}'.encode("utf-16"),
        b'{"content":"x","content":1}',
        b'{"content":"x","confidence":1e999}',
        b'{"content":"x","confidence":NaN}',
        b'{"content":"x","priority":%s}' % (b"9" * 10_000),
    ],
)
def test_what_is_no_utf_8_or_no_json_is_refused(line: socket.socket, body: bytes) -> None:
    """With problem details."""
    line.sendall(post(body))
    head, _, problem = all_of(line).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(problem)["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /%ff%fe HTTP/1.1",
        b"GET /api/v1/memories?cursor=%ff HTTP/1.1",
        b"GET /api/v1/memories?space=%00 HTTP/1.1",
        b"GET /api/v1/memories?limit=" + b"9" * 5_000 + b" HTTP/1.1",
        b"GET /api/v1/memories/recall?query=%ED%A0%80 HTTP/1.1",
        b"GET /api/v1/../../etc/passwd HTTP/1.1",
        b"GET //evil.example/%2e%2e HTTP/1.1",
        b"GET http://evil.example/api/v1/memories?limit=0 HTTP/1.1",
        b"GET /api/v1/memories?" + b"&".join([b"tags_all=x"] * 5_000) + b" HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"BREW /api/v1/memories HTTP/1.1",
        b"GET /\xff HTTP/1.1",
        b"GET /api/v1/memories HTTP/9.9",
    ],
)
def test_a_request_line_of_any_kind_is_the_fault_of_its_caller(
    line: socket.socket, request_line: bytes
) -> None:
    """It is never an error of the server."""
    line.sendall(request_line + b"\r\n" + JSON + b"Connection: close\r\n\r\n")
    status = int(all_of(line).split(b" ")[1])
    assert 400 <= status < 500


@pytest.mark.parametrize(
    "header",
    [
        b"X-Request-Id: a\x0bb\r\nX-Evil: 1",
        b"X-Correlation-Id: a\rX-Evil: 1",
        b"X-Request-Id: a\nX-Evil: 1",
        b"X-Request-Id: \xff\xfe",
        b"X-Memory-Space: a%0d%0aX-Evil:%201",
        b"Idempotency-Key: \xc3\x28",
        b"X-Request-Timeout-Ms: " + b"9" * 5_000,
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
    ],
)
def test_no_header_of_a_caller_makes_one_of_an_answer(line: socket.socket, header: bytes) -> None:
    """Whether it is taken or refused, what follows a line break is not in the answer's head."""
    start = b"GET /api/v1/memories HTTP/1.1\r\n" + header + b"\r\n"
    line.sendall(start + JSON + b"Connection: close\r\n\r\n")
    head = all_of(line).partition(b"\r\n\r\n")[0]
    assert head.split(b" ")[1] in {b"200", b"400"}
    names = {each.partition(b":")[0].strip().lower() for each in head.splitlines()}
    assert b"x-evil" not in names


def test_half_a_request_from_half_a_connection_is_not_waited_for(line: socket.socket) -> None:
    """Its caller can say no more: the connection is closed at once."""
    line.sendall(post(b"x" * 100)[:-50])
    line.shutdown(socket.SHUT_WR)
    assert all_of(line) == b""


def test_requests_that_came_before_their_answers_were_read_are_answered_in_order(
    line: socket.socket,
) -> None:
    """Pipelined, and with rubbish behind them."""
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    line.sendall(one * 50 + b"\x00\x01 rubbish\r\n\r\n")
    answers = all_of(line)
    assert answers.count(b"HTTP/1.1 200 OK") <= 50
    assert b"HTTP/1.1 500" not in answers


@pytest.mark.anyio
@pytest.mark.parametrize("wrong", WRONG_IDS)
async def test_no_id_in_any_path_leads_out_of_the_store(http: Caller, wrong: str) -> None:
    """Each path that has one refuses it, or knows no such thing, by every method it has."""
    for route in http.routes:
        for name, other in (("id", "default"), ("space", ID)):
            if f"{{{name}}}" not in route.path:
                continue
            path = route.path.replace(f"{{{name}}}", wrong).format(id=ID, space=other)
            for method in route.app.endpoints:  # type: ignore[attr-defined]
                body: Any = {} if method in {"POST", "PATCH"} else None
                status = (await http(method, path, body)).status_code
                assert status in {400, 404, 405, 307, 308}, (method, path)
    assert [each.id for each in await http.db.spaces()] == ["default"]


@pytest.mark.anyio
@pytest.mark.parametrize("wrong", ["../x", "a/b", "A", "", " ", "a" * 65, "é", "a\x00"])
async def test_no_id_in_any_other_place_does_either(http: Caller, wrong: str) -> None:
    """Query, and both fields of a body, with the rule in the answer."""
    for query, body in (
        ({"space": wrong}, {}),
        ({}, {"memory_space": wrong}),
        ({}, {"memory_space_id": wrong}),
    ):
        path = f"/api/v1/memories?{httpx2.QueryParams(query)}"
        answer = await http("POST", path, {"content": "x"} | body)
        assert answer.status_code == 400
        assert "^[a-z0-9_-]{1,64}$" in answer.json()["detail"]


@pytest.mark.anyio
async def test_a_part_of_a_vector_beyond_32_bits_is_refused(http: Caller) -> None:
    """Numpy warns of it; that is no bug of the server."""
    answer = await http("POST", "/api/v1/complete", {"embedding": [1.7e308, None]})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.anyio
async def test_an_empty_space_has_no_near_duplicates(http: Caller) -> None:
    """Nothing is looked for in it."""
    answer = await http("GET", "/api/v1/near-duplicates")
    assert answer.status_code == 200, answer.text


@pytest.mark.anyio
async def test_ten_thousand_made_up_spaces_leave_nothing_behind(
    http: Caller, tmp_path: Path
) -> None:
    """No directory, no label, no lock, and no more of the limiter than it is bounded to."""
    before = {each.name for each in (tmp_path / "store").iterdir()}
    limiter = TokenBuckets(1.0, 1)
    for number in range(10_000):
        answer = await http.answered(
            "GET", "/api/v1/memories", [(b"x-memory-space", b"made-up-%d" % number)], no_body
        )
        assert answer[0] == 404
        await limiter.take(f"made-up-{number}", number)
    assert {each.name for each in (tmp_path / "store").iterdir()} == before
    assert len(limiter) <= BUCKETS_COUNT_MAX
    assert "made-up" not in (await http("GET", "/metrics")).text
    assert [each.id for each in await http.db.spaces()] == ["default"]


async def no_body() -> dict[str, Any]:
    """Receive as from a caller that sends no body."""
    return {"type": "http.request", "body": b"", "more_body": False}
