"""What is wrong with a request is told as problem details, all of it, and nothing breaks."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import msgspec
import pytest

from engram.adapters.local.clock import SystemClock
from engram.edges.http.app import make_app
from engram.edges.http.calls import Call, Endpoint, Nothing
from engram.edges.http.door import Host
from engram.edges.http.limits import BODY_BYTES_MAX
from engram.edges.http.problems import said_of
from engram.edges.http.reported import AliveValue
from engram.model import errors
from engram.service.wire.refusals import STATUS, TITLES, status_of

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio
ROOT = "/api/v1/memories"
JSON = {"content-type": "application/json"}


def test_every_error_of_the_tree_has_a_status_and_a_title() -> None:
    """The caller's errors are 4xx but for what this server cannot do or hold; others are 5xx."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.EngramError)
    ]
    for kind in kinds:
        status = status_of(kind)
        assert kind.code in TITLES, kind
        if issubclass(kind, errors.RequestError) and kind is not errors.Closed:
            ours = (status, kind.code) in {(501, "UNSUPPORTED"), (507, "QUOTA_REACHED")}
            assert 400 <= status < 500 or ours, kind
        else:
            assert 500 <= status < 600 or issubclass(kind, errors.RateLimited), kind
    assert set(STATUS) <= set(kinds)


def test_a_code_goes_with_one_status() -> None:
    """Who knows the code knows the status, data loss and bugs apart from all others."""
    codes: dict[str, set[int]] = {}
    for kind, status in STATUS.items():
        if kind is not errors.Closed:
            codes.setdefault(kind.code, set()).add(status)
    assert {code: found for code, found in codes.items() if len(found) > 1} == {}


def test_a_bug_tells_nothing_of_itself() -> None:
    """What an unexpected exception says may hold secrets."""
    said = said_of(ValueError("password hunter2"))
    assert (said.status, said.code, "hunter2" in said.detail) == (500, "INTERNAL_ERROR", False)


def test_what_may_pass_later_says_when() -> None:
    """An overloaded server names a number of seconds."""
    assert said_of(errors.Overloaded("queue", 3)).headers == ((b"retry-after", b"1"),)
    closed = said_of(errors.Closed("the store"))
    assert (closed.status, closed.code, len(closed.headers)) == (503, "UNAVAILABLE", 1)


async def test_a_problem_carries_its_code_ids_space_and_remedy(http: Caller) -> None:
    """As RFC 9457 has it, with the request's own names repeated in headers and body."""
    answer = await http(
        "GET", f"{ROOT}/recall?query=x&space=nowhere", X_Request_Id="r-1", X_Correlation_Id="c-1"
    )
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert {name: problem[name] for name in ("type", "status", "code", "space")} == {
        "type": "/docs#NOT_FOUND",
        "status": 404,
        "code": "NOT_FOUND",
        "space": "nowhere",
    }
    assert (problem["request_id"], problem["correlation_id"]) == ("r-1", "c-1")
    assert (answer.headers["x-request-id"], answer.headers["x-correlation-id"]) == ("r-1", "c-1")
    assert problem["remedy"]


async def test_every_violation_is_told_at_once(http: Caller) -> None:
    """Types and unknown fields of a body or a query, or else the rules of the engine."""
    body = {"content": 3, "tags": ["a", 4], "colour": "blue", "priority": 11}
    told = (await http("POST", ROOT, body)).json()["violations"]
    assert [each.partition(":")[0].partition(";")[0] for each in told] == [
        "unknown field 'colour'",
        "content",
        "tags[1]",
        "priority",
    ]
    told = (await http("GET", f"{ROOT}?limit=0&limits=3&as_of=monday")).json()["violations"]
    assert len(told) == 3
    rules = {"content": "", "tags": [""], "source": ""}
    assert len((await http("POST", ROOT, rules)).json()["violations"]) == 3


async def test_a_parameter_that_takes_one_value_comes_once(http: Caller) -> None:
    """Neither the first nor the last wins."""
    answer = await http("GET", f"{ROOT}?limit=1&limit=2")
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        "limit comes more than once; give it once",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'{"content": "\xc3\x28"}',
        b"[" * 100_000,
        b'{"metadata": ' + b"[" * 100_000,
        b'{"x": ' + b'{"a":' * 50_000,
        b"[]",
        b"3",
        b"null",
        b'{"content": "a", "metadata": {"n": NaN}}',
        b'{"content": "\\ud800"}',
        b'{"content": "a", "confidence": 1e999}',
    ],
)
async def test_what_is_no_json_object_is_refused(http: Caller, body: bytes) -> None:
    """Whatever is sent, the answer is 400 and the server goes on."""
    answer = await http.client.post(ROOT, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert (await http("GET", "/health")).status_code == 200


@pytest.mark.parametrize(
    "query", ["query=%ff", "%zz=1&query=a", "query=a%00b" + "&kinds=x" * 1_001]
)
async def test_a_query_that_cannot_be_read_is_refused(http: Caller, query: str) -> None:
    """Bytes that are no text, and more parameters than anyone needs."""
    answer = await http("GET", f"{ROOT}/recall?{query}")
    assert answer.status_code == 400


async def test_a_body_that_is_too_large_is_refused_early(http: Caller) -> None:
    """By what its head says before a byte is read, and by what comes where it says nothing."""
    read: list[int] = []

    async def endless() -> dict[str, Any]:
        read.append(1 << 20)
        return {"type": "http.request", "body": bytes(1 << 20), "more_body": True}

    for said, most in ((str(BODY_BYTES_MAX + 1), 0), (None, BODY_BYTES_MAX + (1 << 20))):
        headers = [] if said is None else [(b"content-length", said.encode())]
        status, told, body = await http.answered("POST", ROOT, headers, endless)
        assert (status, msgspec.json.decode(body)["code"]) == (413, "PAYLOAD_TOO_LARGE")
        assert told[b"connection"] == b"close"
        assert sum(read) == most


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_page_of_another_site_cannot_write(http: Caller, media_type: str | None) -> None:
    """Browsers send such bodies to other sites without asking them; JSON they do not."""
    headers = {} if media_type is None else {"content-type": media_type}
    answer = await http.client.post(ROOT, content=b'{"content": "x"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_method_that_a_path_does_not_know_names_those_it_does(http: Caller) -> None:
    """405 with Allow, as problem details."""
    answer = await http("PUT", ROOT, {})
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, HEAD, POST"


async def test_a_path_that_is_not_there_is_not_found(http: Caller) -> None:
    """Also one that tries to leave its place."""
    for path in ("/nowhere", "/api/v1/memories/../../etc/passwd", "/api/v1/spaces/a/b", "/api/v1"):
        answer = await http("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path


@pytest.mark.parametrize("wrong", ["..%2f..%2fetc", "%00", "x" * 5_000, "' OR 1=1", "..", "é"])
async def test_an_id_leads_nowhere_but_to_what_it_names(http: Caller, wrong: str) -> None:
    """No id of a memory or a space is taken for a path, or breaks anything."""
    for path in (f"{ROOT}/{wrong}", f"/api/v1/spaces/{wrong}", f"{ROOT}?space={wrong}"):
        answer = await http("GET", path)
        assert answer.status_code in {400, 404}, path


async def test_names_that_could_forge_a_header_are_not_repeated(http: Caller) -> None:
    """An id of a request that is no plain name is replaced by one of the server's own."""
    for name in ("a\tb", "<script>", "x" * 200, "é"):
        answer = await http.client.get("/health", headers=[(b"x-request-id", name.encode())])
        assert answer.headers["x-request-id"].startswith("test-")


async def test_a_legacy_path_leads_to_its_place_today(http: Caller) -> None:
    """308 keeps method and query."""
    answer = await http("POST", "/memories/remember?space=a", {"content": "x"})
    assert (answer.status_code, answer.headers["location"]) == (
        308,
        "/api/v1/memories/remember?space=a",
    )
    made = await http("POST", answer.headers["location"], {"content": "x"})
    assert (made.status_code, made.json()["space"]) == (201, "a")


async def test_past_its_deadline_the_work_stops(http: Caller) -> None:
    """504 for a read; of a write it is said that it may have been done. Both are named."""
    stopped: list[str] = []

    async def forever(call: Call) -> AliveValue:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append(call.space_id)
        return AliveValue()

    slow = Endpoint("GET", "/slow", "Never end.", forever, AliveValue)
    app = make_app(
        Host(http.db, "1", "slow", SystemClock()), (slow, slow._replace(method="POST", writes=True))
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://test"
    ) as client:
        limit = {"x-request-timeout-ms": "1", "x-memory-space": "here"}
        read = await client.get("/slow", headers=limit)
        write = await client.post("/slow", headers=limit)
    for answer in (read, write):
        assert (answer.status_code, answer.json()["code"]) == (504, "DEADLINE_EXCEEDED")
        assert answer.json()["space"] == "here"
    assert "may have been done" in write.json()["detail"]
    assert stopped == ["here", "here"]
    for wrong in ("0", "-1", "soon", "1.5", "9" * 30):
        answer = await http("GET", "/health", X_Request_Timeout_Ms=wrong)
        assert answer.status_code == 400


async def test_a_body_that_does_not_come_is_not_waited_for(http: Caller) -> None:
    """Who sends a head and then nothing gets 408."""

    async def silent() -> Any:
        yield b"{"
        await anyio.sleep_forever()

    http.host.body_seconds_max = 0.01
    answer = await http.client.post(ROOT, content=silent(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (408, "REQUEST_TIMEOUT")


async def test_more_requests_than_may_be_under_way_are_refused(http: Caller) -> None:
    """They are told to come again; those under way are none the wiser."""
    http.host.requests_at_once_max = 0
    answer = await http("GET", f"{ROOT}")
    assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
    assert answer.headers["retry-after"] == "1"
    http.host.requests_at_once_max = 1
    assert (await http("GET", f"{ROOT}")).status_code == 200
    assert http.host.under_way_count == 0


async def test_a_bug_is_logged_with_the_id_that_its_caller_was_told(
    http: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller learns nothing but that id."""

    async def broken(call: Call) -> AliveValue:
        raise ValueError(f"secret of {call.space_id}")

    endpoint = Endpoint("GET", "/broken", "Break.", broken, AliveValue, query=Nothing)
    app = make_app(Host(http.db, "1", "bug", SystemClock()), (endpoint,))
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://test"
    ) as client:
        with caplog.at_level(logging.ERROR, "engram.http"):
            answer = await client.get("/broken")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    (record,) = caplog.records
    assert answer.json()["request_id"] in record.getMessage()
    assert record.exc_info is not None


async def test_a_time_that_is_none_is_told_how_to_be_written(http: Caller) -> None:
    """A day alone is what people write first; in which zone it is meant nobody knows."""
    for answer in (
        await http("GET", f"{ROOT}/recall?query=x&occurred_after=2020-01-01"),
        await http("POST", ROOT, {"content": "x", "occurred_at": "yesterday"}),
    ):
        assert answer.status_code == 400
        assert "write it like 2026-03-14T15:09:00Z" in answer.json()["detail"]
