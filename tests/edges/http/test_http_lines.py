"""Memories as lines of NDJSON: stored while they come, acknowledged batch by batch."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.adapters.local.clock import SystemClock
from engram.edges.http.app import make_app
from engram.edges.http.connections import Connection, extensions_with
from engram.edges.http.door import Host
from engram.edges.http.guard import Guard
from engram.edges.http.limits import LINE_BYTES_MAX, LINES_COUNT_MAX, UPLOADS_AT_ONCE_MAX
from engram.edges.http.lines import LineReader
from engram.service.limiting import TokenBuckets
from engram.settings import load_settings
from engram.wiring import open_store
from tests.edges.http.conftest import serving

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

PATH = "/api/v1/memories/batch"
HEADERS = {"Content-Type": "application/x-ndjson"}


def lines_of(*values: object) -> bytes:
    """Return values as lines."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in values)


def texts(count: int, first: int = 0) -> bytes:
    """Return that many memories, a line each."""
    return lines_of(*({"content": f"memory {first + number}"} for number in range(count)))


async def sent(
    http: Caller, body: bytes | AsyncIterator[bytes], query: str = "", **headers: str
) -> tuple[int, list[dict[str, Any]]]:
    """Send lines; return the status and the lines of the answer."""
    named = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await http.client.post(f"{PATH}{query}", content=body, headers=named)
    return answer.status_code, [json.loads(each) for each in answer.text.splitlines()]


async def total(http: Caller) -> int:
    """Return how many memories there are."""
    return int((await http("GET", "/api/v1/memories?limit=1")).json()["total"])


@pytest.mark.anyio
async def test_good_lines_are_stored_and_bad_ones_told_by_number(http: Caller) -> None:
    """Whatever is wrong with a line, those around it are durable; blank lines have no id."""
    good = {"content": "first", "tags": ["a"], "episode": {"what": "tea"}}
    body = lines_of(good) + b"{nonsense\n" + lines_of({"content": "x", "unheard_of": 1}, 3)
    body += b"\n" + lines_of(
        {"content": ""}, {"content": "last", "confidence": 2}, {"content": "y"}
    )
    status, (one, two, end) = await sent(http, body)
    assert status == 200
    assert (one["type"], one["first_line"], one["last_line"], one["created"]) == ("stored", 1, 5, 1)
    assert [each is not None for each in one["ids"]] == [True, False, False, False, False]
    assert [each["line"] for each in one["errors"]] == [2, 3, 4]
    assert [each["line"] for each in two["errors"]] == [6, 7]
    assert {each["code"] for each in one["errors"] + two["errors"]} == {"INVALID_REQUEST"}
    assert "unheard_of" in one["errors"][1]["violations"][0]
    assert two["errors"][0]["detail"].startswith("content is empty")
    assert end == {
        "type": "end", "lines": 8, "remembered": 2, "created": 2, "refused": 5, "error": None
    }  # fmt: skip
    found = (await http("GET", f"/api/v1/memories/{one['ids'][0]}")).json()
    assert (found["content"], found["tags"], await total(http)) == ("first", ["a"], 2)


@pytest.mark.anyio
async def test_the_same_key_stores_nothing_twice(http: Caller) -> None:
    """Lines without a text, too, of which nothing else would tell that they were there."""
    await http("POST", "/api/v1/memories", {"embedding": [1.0, 0.0]})
    body = lines_of(*({"embedding": [1.0, float(each)]} for each in range(5)))
    body += b"nonsense\n\n" + lines_of(*({"embedding": [2.0, float(each)]} for each in range(5)))
    first = await sent(http, body, Idempotency_Key="k" * 255)
    again = await sent(http, body, Idempotency_Key="k" * 255)
    assert (first, first[1][-1]["created"], await total(http)) == (again, 10, 11)
    # Of the first batch nothing is stored: it is refused like any other request.
    status, (problem,) = await sent(
        http, lines_of(*({"embedding": [3.0, 1.0]} for _ in range(5))), Idempotency_Key="k" * 255
    )
    assert (status, problem["code"]) == (409, "CONFLICT")


@pytest.mark.anyio
async def test_a_key_that_meets_other_lines_later_ends_there(http: Caller) -> None:
    """What was acknowledged before stays, and the last line says what happened."""
    await sent(http, texts(2) + b"\n" + texts(2, 10), Idempotency_Key="k")
    status, (stored, end) = await sent(http, texts(2) + b"\n" + texts(2, 20), Idempotency_Key="k")
    assert (status, stored["created"], end["lines"]) == (200, 2, 3)
    assert end["error"]["code"] == "CONFLICT"
    assert await total(http) == 4


@pytest.mark.anyio
async def test_vectors_of_another_length_are_refused_line_by_line(http: Caller) -> None:
    """With vectors or without: what fits the space is stored."""
    await http("POST", "/api/v1/memories", {"embedding": [1.0, 0.0]})
    body = lines_of(
        {"embedding": [1.0, 1.0]}, {"embedding": [1.0]}, {"content": "a text"},
        {"embedding": [0.5, 1.0]}, {"embedding": [0.0, 0.0]}, {"embedding": "AAA="},
    )  # fmt: skip
    _, (stored, end) = await sent(http, body)
    assert [each["line"] for each in stored["errors"]] == [2, 3, 6]
    assert "dimensions" in stored["errors"][0]["detail"]
    assert (end["remembered"], end["refused"]) == (3, 3)


@pytest.mark.anyio
async def test_a_limit_is_of_a_line_and_not_of_a_stream(http: Caller) -> None:
    """A stream of more than any body may have is stored; of a line that long nothing is kept."""
    padding = b" " * (LINE_BYTES_MAX - 100)

    async def body() -> AsyncIterator[bytes]:
        for number in range(20):
            yield texts(1, number).rstrip() + padding + b"\n"
        for _ in range(4):
            yield padding
        yield b"\n" + texts(1, 20)

    tracemalloc.start()
    try:
        _, answer = await sent(http, body())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (error,) = [each for line in answer[:-1] for each in line["errors"]]
    assert (error["line"], error["code"]) == (21, "PAYLOAD_TOO_LARGE")
    assert (answer[-1]["remembered"], await total(http)) == (21, 21)
    assert peak < 16 << 20  # of 24 MiB


class Peer:
    """A caller on its own terms: what it sends, what it took, and when it goes."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self.taken: list[dict[str, Any]] = []
        self.parts: list[bytes] = []
        self.connection = Connection(self._cut)
        self.was_cut = self.takes_nothing = False
        self.status = 0

    def _cut(self) -> None:
        self.was_cut = True

    async def talk(self, parts: Iterator[bytes | None]) -> None:
        """Send parts until there are no more; None is the end of the connection."""

        async def receive() -> MutableMapping[str, Any]:
            part = next(parts, b"")
            if part is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": part != b""}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                return
            if self.takes_nothing:
                await anyio.sleep_forever()
            self.taken += [json.loads(each) for each in message["body"].splitlines()]

        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": PATH}
        scope |= {"query_string": b"", "headers": [(b"content-type", b"application/x-ndjson")]}
        scope["extensions"] = extensions_with(self.connection)
        await self._app(scope, receive, send)


@pytest.mark.anyio
async def test_no_more_is_read_before_what_was_read_is_acknowledged(http: Caller) -> None:
    """But for the chunk in which a batch ended: so a caller is as slow as the disk."""
    peer, ahead = Peer(http.app), []

    def parts() -> Iterator[bytes]:
        for number in range(40):
            acknowledged = sum(line["last_line"] - line["first_line"] + 1 for line in peer.taken)
            ahead.append(number * 250 - acknowledged)
            yield texts(250, number * 250)

    await peer.talk(parts())
    assert max(ahead) <= LINES_COUNT_MAX
    assert (peer.taken[-1]["remembered"], len(peer.taken)) == (10_000, 11)


@pytest.mark.anyio
async def test_who_leaves_midway_keeps_what_was_acknowledged(http: Caller) -> None:
    """Nothing of what came after it is stored, and nothing is counted as under way any more."""
    peer = Peer(http.app)
    await peer.talk(iter([texts(3) + b"\n", texts(2, 3), None]))
    assert ([each["type"] for each in peer.taken], await total(http)) == (["stored"], 3)
    assert (http.host.streams.uploads_count, http.host.streams.count) == (0, 0)
    again = Peer(http.app)
    await again.talk(iter([texts(3) + b"\n", texts(2, 3)]))
    assert (again.taken[-1]["created"], await total(http)) == (2, 5)


@pytest.mark.anyio
async def test_who_takes_no_answers_is_let_go_of(http: Caller) -> None:
    """Its connection is cut; what was stored by then is there."""
    http.host.streams.stalled_s = 0.05
    peer = Peer(http.app)
    peer.takes_nothing = True
    await peer.talk(iter([texts(3) + b"\n"] * 1_000))
    assert (peer.was_cut, http.host.streams.dropped_count, await total(http)) == (True, 1, 3)
    assert http.host.streams.uploads_count == 0


@pytest.mark.anyio
async def test_a_server_that_stops_says_how_far_it_came(http: Caller) -> None:
    """The batch that is being stored is still acknowledged."""
    peer = Peer(http.app)

    def parts() -> Iterator[bytes]:
        yield texts(3) + b"\n"
        yield texts(2, 3)
        http.host.streams.stop()
        yield texts(2, 5) + b"\n"

    await peer.talk(parts())
    end = peer.taken[-1]
    assert (end["type"], end["error"]["code"]) == ("end", "UNAVAILABLE")
    told = sum(each is not None for line in peer.taken[:-1] for each in line["ids"])
    assert end["remembered"] == await total(http) == told == 7
    late = Peer(http.app)
    await late.talk(iter([texts(1)]))
    assert late.status == 503


@pytest.mark.anyio
async def test_a_full_space_ends_a_stream_or_refuses_it(tmp_path: Path) -> None:
    """By the last line once something was stored, else by its status."""
    limited = load_settings({"ENGRAM_QUOTA_MEMORIES": "3"})
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=limited) as db:
        app = make_app(Host(db, "1", "t", SystemClock()))
        for status, held in ((200, 2), (507, 2)):
            peer = Peer(app)
            await peer.talk(iter([texts(2, status) + b"\n" + texts(2, 900)]))
            assert peer.status == status
            told = peer.taken[-1]
            assert (told["error"] if status == 200 else told)["code"] == "QUOTA_REACHED"
            assert (await (await db.space()).stats()).memories == held


@pytest.mark.anyio
async def test_batches_count_as_requests_and_wait_for_their_turn(http: Caller) -> None:
    """A stream is no way around what a space may be asked; it is slowed down, not refused."""
    guard = Guard(SystemClock(), limiter=TokenBuckets(1.0, 1))
    peer = Peer(make_app(Host(http.db, "1", "t", SystemClock(), guard)))
    begun = anyio.current_time()
    await peer.talk(iter([texts(1) + b"\n" + texts(1, 1)]))
    assert peer.taken[-1]["remembered"] == 2
    assert anyio.current_time() - begun >= 0.9


@pytest.mark.anyio
async def test_a_stream_ends_with_its_deadline(http: Caller) -> None:
    """What was acknowledged before stays."""

    async def body() -> AsyncIterator[bytes]:
        yield texts(1) + b"\n"
        yield texts(1, 1)
        await anyio.sleep(0.3)
        yield texts(1, 2)

    _, answer = await sent(http, body(), X_Request_Timeout_Ms="250")
    assert answer[-1]["error"]["code"] == "DEADLINE_EXCEEDED"
    assert (answer[-1]["remembered"], await total(http)) == (1, 1)


@pytest.mark.anyio
async def test_an_empty_body_is_no_memories_and_many_streams_are_refused(http: Caller) -> None:
    """Of ids nothing is told to who asks for none."""
    assert (await sent(http, b"\n\n"))[1] == [
        {"type": "end", "lines": 0, "remembered": 0, "created": 0, "refused": 0, "error": None}
    ]
    _, (stored, _) = await sent(http, texts(2), "?ids=false&space=other")
    assert (stored["ids"], stored["created"]) == ([], 2)
    status, (problem,) = await sent(http, texts(1), "?ids=perhaps")
    assert (status, problem["code"]) == (400, "INVALID_REQUEST")
    http.host.streams.uploads_count = UPLOADS_AT_ONCE_MAX
    status, (problem,) = await sent(http, texts(1))
    assert (status, problem["code"]) == (503, "OVERLOADED")
    assert http.host.streams.uploads_count == UPLOADS_AT_ONCE_MAX


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_lines_go_over_a_socket_while_they_are_made(tmp_path: Path) -> None:
    """More than the sockets between hold, with and without a bad end."""

    async def body() -> AsyncIterator[bytes]:
        for number in range(60):
            yield texts(250, number * 250)

    async with serving(tmp_path / "s") as server, httpx2.AsyncClient(timeout=60) as client:
        answer = await client.post(f"{server.url}{PATH}", content=body(), headers=HEADERS)
        last = json.loads(answer.text.splitlines()[-1])
        assert (answer.status_code, last["remembered"], last["error"]) == (200, 15_000, None)


@given(
    st.lists(st.sampled_from([b"", b"a", b"bb", b" ", b"x" * 70]), max_size=40),
    st.lists(st.integers(1, 30), min_size=1, max_size=20),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_the_same_bytes_make_the_same_batches(
    said: list[bytes], sizes: list[int], is_ended: bool
) -> None:
    """However they arrive; every line that is not blank is in one batch, under its number."""
    body = b"\n".join(said) + b"\n" * is_ended

    async def batches(parts: list[bytes]) -> list[Any]:
        async def chunks() -> AsyncIterator[bytes]:
            for part in parts:
                yield part

        reader, found = LineReader(chunks()), []
        while (batch := await reader.next()) is not None:
            found.append(batch)
        return found

    cut: list[bytes] = []
    at = 0
    while at < len(body):
        size = sizes[len(cut) % len(sizes)]
        cut.append(body[at : at + size])
        at += size
    whole, parts = anyio.run(batches, [body] * bool(body)), anyio.run(batches, cut)
    assert whole == parts
    wanted = [(at, each) for at, each in enumerate(said, 1) if each.strip()]
    assert [tuple(line) for batch in whole for line in batch.lines] == wanted
    assert all(each.first <= line.number <= each.last for each in whole for line in each.lines)
