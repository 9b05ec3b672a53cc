"""Streams of events: placed like every request, resumable, told when and why they end."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import httpx2
import pytest
from anyio.abc import TaskGroup

from engram.adapters.local.clock import SystemClock
from engram.edges.http.connections import Connection, extensions_with
from engram.edges.http.server import HttpServer
from engram.engine import feed as feed_module
from engram.wiring import open_store

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio
TOPICS = ("activities", "memories", "consolidation")


class Event(NamedTuple):
    """One event as it was read."""

    name: str
    lsn: int | None
    data: dict[str, Any]


def event_of(text: str) -> Event:
    """Return the event that a block of lines is."""
    fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
    lsn = fields.get("id")
    return Event(fields["event"], None if lsn is None else int(lsn), json.loads(fields["data"]))


class Listener:
    """The caller of one stream in this process: what the server sent it, event by event."""

    def __init__(self, unread_max: int) -> None:
        self.gone = anyio.Event()
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._unread_max = unread_max
        self._unread: deque[MutableMapping[str, Any]] = deque()
        self._changed = anyio.Event()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take what the server sends; it waits while too much is unread."""
        while len(self._unread) >= self._unread_max:
            await self._changed.wait()
        self._unread.append(message)
        self._change()

    async def next(self) -> Event | None:
        """Return the next event; None when the answer is over."""
        message = await self._receive()
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])
            message = await self._receive()
        return event_of(message["body"].decode()) if message["body"] else None

    async def _receive(self) -> MutableMapping[str, Any]:
        while not self._unread:
            await self._changed.wait()
        message = self._unread.popleft()
        self._change()
        return message

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, name: str) -> list[Event]:
        """Return the events up to one of a name."""
        found: list[Event] = []
        while not found or found[-1].name != name:
            event = await self.next()
            assert event is not None
            found.append(event)
        return found


def listening(
    http: Caller,
    tasks: TaskGroup,
    path: str,
    unread_max: int = 1_000,
    connection: Connection | None = None,
    **headers: str,
) -> Listener:
    """Ask for a stream; the server waits when `unread_max` messages are not read yet."""
    listener = Listener(unread_max)
    where, _, query = path.partition("?")
    named = [(name.replace("_", "-").encode(), each.encode()) for name, each in headers.items()]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": f"/api/v1/stream/{where}"}
    scope |= {"query_string": query.encode(), "headers": named}
    scope["extensions"] = extensions_with(connection or Connection())
    asked = False

    async def received() -> MutableMapping[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await listener.gone.wait()
        return {"type": "http.disconnect"}

    tasks.start_soon(http.app, scope, received, listener.send)
    return listener


async def test_each_change_is_an_event_with_its_lsn(http: Caller) -> None:
    """Durable when it comes; nothing of what a memory holds is in it."""
    async with anyio.create_task_group() as tasks:
        follower = listening(http, tasks, "memories", x_memory_space="default")
        start = await follower.next()
        assert start == Event("start", 0, {"space": "default", "lsn": 0})
        assert (follower.status, follower.headers[b"x-memory-space"]) == (200, b"default")
        assert follower.headers[b"content-type"].startswith(b"text/event-stream")
        memory_id = await http.remembered("the kettle is blue")
        event = await follower.next()
        assert event is not None
        assert (event.name, event.lsn) == ("change", 1)
        assert set(event.data) == {"lsn", "space", "at", "remembered"}
        assert event.data["remembered"] == [memory_id]
        await http("DELETE", f"/api/v1/memories/{memory_id}?mode=erase")
        event = await follower.next()
        assert event is not None
        assert event.data["erased"] == [memory_id]
        follower.gone.set()
    assert http.host.streams.count == http.host.under_way_count == 0


async def test_events_of_one_space_never_reach_a_stream_of_another(http: Caller) -> None:
    """Two spaces written in turns, and the default one: by header, by query, live and resumed."""
    for name in ("a", "b"):
        await http.db.create_space(name)
    async with anyio.create_task_group() as tasks:
        live = {
            "a": listening(http, tasks, "activities", x_memory_space="a"),
            "b": listening(http, tasks, "activities?space=b"),
            "default": listening(http, tasks, "activities"),
        }
        for each in live.values():
            await each.until("start")
        ids: dict[str, list[str]] = {"a": [], "b": [], "default": []}
        for number in range(12):
            name = ("a", "b", "default")[number % 3]
            ids[name].append(await http.remembered(f"text {number}", memory_space=name))
        for name, follower in live.items():
            again = listening(http, tasks, f"activities?space=b&after={0}", x_memory_space=name)
            await again.until("start")
            for each in (follower, again):
                seen = [event for _ in range(4) if (event := await each.next()) is not None]
                told = [event.data["remembered"] for event in seen]
                assert told == [[each] for each in ids[name]]
                assert {event.data["space"] for event in seen} == {name}
                each.gone.set()
    assert len({each for found in ids.values() for each in found}) == 12


@pytest.mark.parametrize("topic", TOPICS)
async def test_a_stream_goes_on_behind_the_event_that_was_seen_last(
    http: Caller, topic: str
) -> None:
    """`Last-Event-ID` beats the address, whose `after` it began with."""
    for number in range(5):
        await http.remembered(f"text {number}")
    async with anyio.create_task_group() as tasks:
        http.host.streams.heartbeat_s = 0
        follower = listening(http, tasks, f"{topic}?after=1", last_event_id="3")
        seen = await follower.until("heartbeat")
        assert (seen[0].name, seen[0].lsn) == ("start", 3)
        changes = [each.lsn for each in seen if each.name == "change"]
        assert changes == ([] if topic == "consolidation" else [4, 5])
        # What a topic is not about is passed over: who comes back need not read it again.
        assert (seen[-1].lsn, seen[-1].data) == (5, {"space": "default", "lsn": 5})
        follower.gone.set()


async def test_a_caller_that_is_too_slow_is_told_where_to_go_on(
    http: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last event names the LSN of the last that was taken; from there on nothing is missing."""
    monkeypatch.setattr(feed_module, "FEED_CHANGES_COUNT_MAX", 4)
    async with anyio.create_task_group() as tasks:
        slow = listening(http, tasks, "memories", unread_max=1)
        await slow.until("start")
        for number in range(12):
            await http.remembered(f"text {number}")
        seen = await slow.until("end")
        taken = [each.lsn for each in seen[:-1]]
        assert taken == list(range(1, len(taken) + 1))
        end = seen[-1]
        assert (end.data["code"], end.data["resume_after"]) == ("FELL_BEHIND", len(taken))
        assert "follow it again" in end.data["detail"]
        assert await slow.next() is None
        again = listening(http, tasks, "memories", last_event_id=str(len(taken)))
        rest = [await again.next() for _ in range(13 - len(taken))]
        assert [each.lsn for each in rest if each][1:] == list(range(len(taken) + 1, 13))
        again.gone.set()


async def test_an_lsn_before_the_log_is_gone_and_one_behind_it_refused(http: Caller) -> None:
    """410 names the oldest LSN and how to catch up; a number that is none is refused."""
    memory_id = await http.remembered("the kettle is blue")
    await http.remembered("the kettle is green")
    await http("DELETE", f"/api/v1/memories/{memory_id}?mode=erase")
    gone = await http("GET", "/api/v1/stream/memories", Last_Event_ID="0")
    assert (gone.status_code, gone.json()["code"]) == (410, "GONE")
    assert "begins at LSN" in gone.json()["detail"]
    assert "list its memories" in gone.json()["detail"]
    for last in ("99", "x", "-1", "9" * 16):
        refused = await http("GET", "/api/v1/stream/memories", Last_Event_ID=last)
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_REQUEST"), last
    refused = await http("GET", "/api/v1/stream/memories?after=-1&before=2")
    assert len(refused.json()["violations"]) == 2


async def test_a_server_that_stops_ends_every_stream_with_a_word(http: Caller) -> None:
    """It names the LSN to come back with; new streams are refused."""
    async with anyio.create_task_group() as tasks:
        followers = [listening(http, tasks, each) for each in TOPICS]
        for each in followers:
            await each.until("start")
        await http.remembered("the kettle is blue")
        http.host.streams.stop()
        for each in followers:
            end = (await each.until("end"))[-1]
            assert end.data["code"] == "UNAVAILABLE"
            assert end.data["resume_after"] in {0, 1}
            assert await each.next() is None
    refused = await http("GET", "/api/v1/stream/memories")
    assert (refused.status_code, refused.json()["code"]) == (503, "UNAVAILABLE")
    assert http.host.streams.count == 0


async def test_who_does_not_read_keeps_no_server_from_stopping(
    http: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last event is offered for a while, and then the stream is over all the same."""
    monkeypatch.setattr("engram.edges.http.event_stream.LAST_EVENT_SECONDS_MAX", 0)
    async with anyio.create_task_group() as tasks:
        follower = listening(http, tasks, "memories", unread_max=1)
        while not http.host.streams.count:
            await anyio.lowlevel.checkpoint()
        await http.remembered("the kettle is blue")
        http.host.streams.stop()
    assert http.host.streams.count == 0
    assert follower.status == 0  # not even the head was read


async def test_who_takes_nothing_for_too_long_is_cut_off(http: Caller) -> None:
    """It is counted, its connection is cut, and others are told what it missed."""
    http.host.streams.stalled_s = 0
    cut: list[bool] = []
    async with anyio.create_task_group() as tasks:
        reads = listening(http, tasks, "memories")
        await reads.until("start")
        silent = Connection(lambda: cut.append(True))
        listening(http, tasks, "memories", unread_max=1, connection=silent)
        while not cut:
            await anyio.lowlevel.checkpoint()
        await http.remembered("the kettle is blue")
        event = await reads.next()
        assert event is not None
        assert event.name == "change"
        reads.gone.set()
    measured = dict(http.host.own_metrics())
    assert (measured["engram_streams"], measured["engram_streams_dropped_total"]) == (0, 1)


async def test_a_space_that_is_dropped_ends_its_streams_alone(http: Caller) -> None:
    """Others go on."""
    await http.db.create_space("notes")
    async with anyio.create_task_group() as tasks:
        ends = listening(http, tasks, "memories?space=notes")
        stays = listening(http, tasks, "memories")
        await ends.until("start")
        await stays.until("start")
        assert (await http("DELETE", "/api/v1/spaces/notes")).status_code == 200
        end = (await ends.until("end"))[-1]
        assert (end.data["space"], end.data["code"]) == ("notes", "UNAVAILABLE")
        await http.remembered("the kettle is blue")
        event = await stays.next()
        assert event is not None
        assert event.name == "change"
        stays.gone.set()


async def test_more_streams_than_there_may_be_are_refused(http: Caller) -> None:
    """With the limit's name; requests of other kinds are answered. HEAD streams nothing."""
    head = await http("HEAD", "/api/v1/stream/memories")
    assert (head.status_code, head.content) == (200, b"")
    http.host.streams.at_once_max = 1
    async with anyio.create_task_group() as tasks:
        follower = listening(http, tasks, "memories")
        await follower.until("start")
        refused = await http("GET", "/api/v1/stream/memories")
        assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
        assert "streams_at_once_max" in refused.json()["detail"]
        assert (await http("GET", "/health")).status_code == 200
        follower.gone.set()


async def test_a_bug_in_a_stream_is_its_last_event_and_tells_nothing(
    http: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has it."""
    async with anyio.create_task_group() as tasks:
        follower = listening(http, tasks, "memories")
        await follower.until("start")
        monkeypatch.setattr("engram.model.changes.Change.about", lambda *_: 1 / 0)
        await http.remembered("the kettle is blue")
        end = (await follower.until("end"))[-1]
        assert end.data["code"] == "INTERNAL_ERROR"
        assert "zero" not in end.data["detail"]
    assert "a stream of space default failed" in caplog.text


@asynccontextmanager
async def connected(server: HttpServer, path: str) -> AsyncIterator[AsyncIterator[Event]]:
    """Yield the events of a stream that is read from a socket."""
    async with (
        httpx2.AsyncClient(base_url=server.url) as client,
        client.stream("GET", f"/api/v1/stream/{path}") as answer,
    ):
        assert answer.status_code == 200

        async def events() -> AsyncIterator[Event]:
            text = ""
            async for part in answer.aiter_text():
                *blocks, text = (text + part).split("\n\n")
                for block in blocks:
                    yield event_of(block)

        yield events()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_streams_on_a_socket_end_with_the_server(
    tmp_path: Path,
    anyio_backend: str,  # noqa: ARG001
) -> None:
    """What was written is read at the other end; a stop waits for nobody, and leaves no place."""
    async with open_store(tmp_path, embedder=None, kernels="numpy") as db:
        server = HttpServer(db, "1", "s", "127.0.0.1", 0, SystemClock())
        streams = server._host.streams
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            async with httpx2.AsyncClient(base_url=server.url) as client:
                async with connected(server, "memories") as events:
                    assert (await anext(events)).name == "start"
                    body = {"content": "the kettle is blue"}
                    made = (await client.post("/api/v1/memories", json=body)).json()
                    assert (await anext(events)).data["remembered"] == [made["id"]]
                while streams.count:  # the caller went
                    await anyio.lowlevel.checkpoint()
                async with connected(server, f"memories?after={made['lsn'] - 1}") as events:
                    assert (await anext(events)).name == "start"
                    assert (await anext(events)).lsn == made["lsn"]
                    server.stop()
                    end = await anext(events)
                    assert (end.name, end.data["resume_after"]) == ("end", made["lsn"])
                    with pytest.raises(StopAsyncIteration):
                        await anext(events)
        assert streams.count == 0
