"""WebSockets: placed and guarded like requests, answered by number, as fast as they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from starlette.routing import WebSocketRoute

from engram.edges.http import conversation as module
from engram.edges.http.connections import Connection
from engram.edges.http.messages import EXAMPLES
from engram.edges.http.socket_door import SocketDoor
from engram.engine import feed as feed_module
from tests.edges.http.socket_peers import PATH, Peer, opened, welcomed

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio


async def test_a_caller_is_welcomed_with_its_space_and_its_limits(http: Caller) -> None:
    """The head of the answer names the space, too."""
    async with anyio.create_task_group() as tasks:
        peer = opened(http, tasks, "space=notes", headers={"x-request-id": "r1"})
        accepted = await peer.next()
        headers = dict(accepted["headers"])
        assert (headers[b"x-memory-space"], headers[b"x-request-id"]) == (b"notes", b"r1")
        assert (await peer.next())["body"] == {
            "space": "notes",
            "window": 64,
            "observations_max": 8,
            "message_bytes_max": 1 << 20,
            "heartbeat_s": 15.0,
        }
        assert dict(http.host.own_metrics())["engram_sockets"] == 1
        peer.leave()
    assert (http.host.streams.sockets_count, http.host.streams.count) == (0, 0)
    assert [each.id for each in await http.db.spaces()] == ["default"]


async def test_what_is_remembered_is_acknowledged_by_number_and_recalled(http: Caller) -> None:
    """The answers are those of HTTP."""
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        peer.say("remember", 7, content="the kettle is blue", tags=["kitchen"])
        done = await peer.next()
        assert (done["type"], done["seq"], done["body"]["created"]) == ("remembered", 7, True)
        peer.say("recall", 9, query="kettle")
        found = await peer.next()
        assert (found["type"], found["seq"]) == ("recalled", 9)
        assert found["body"]["recollections"][0]["memory"]["id"] == done["body"]["id"]
        same = await http("GET", "/api/v1/memories/recall?query=kettle")
        assert same.json().keys() == found["body"].keys()
        peer.leave()
    assert http.host.under_way_count == 0


async def test_a_repeated_message_with_its_key_stores_nothing(http: Caller) -> None:
    """As with Idempotency-Key, also over another connection."""
    ids = []
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            peer = await welcomed(http, tasks)
            peer.say("remember", 1, key="k1", content="the kettle is blue")
            ids.append((await peer.next())["body"]["id"])
            peer.leave()
    assert ids[0] == ids[1]
    space = await http.db.space()
    assert (await space.stats()).lsn == 1


async def test_memories_of_a_session_are_stored_in_the_order_they_came(http: Caller) -> None:
    """Each leads to the one before it, however many are under way."""
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        for number in range(1, 31):
            peer.say("remember", number, content=f"turn {number}", session="s")
        ids: dict[int, str] = {}
        while len(ids) < 30:
            done = await peer.next()
            ids[done["seq"]] = done["body"]["id"]
        peer.leave()
    page = await (await http.db.space()).list(limit=100)
    assert [each.id for each in page.memories] == [ids[number] for number in range(1, 31)]


@pytest.mark.parametrize(
    ("text", "said", "example"),
    [
        ('{"type":"forgive","seq":1}', "no message 'forgive'; there are remember, ", "remember"),
        ('{"type":"recall"}', "seq is missing", "recall"),
        ('{"type":"observe","seq":0}', "seq: expected `int` >= 1", "observe"),
        ('{"type":"credit","seq":1,"to":2}', "unknown field 'to'; there are type, seq", "credit"),
        ("[1]", "the message is no JSON object", "remember"),
        ("hello", "the message is not JSON", "remember"),
        ("[" * 100_000, "nested too deeply", "remember"),
    ],
)
async def test_a_message_that_is_not_understood_is_refused_by_name_with_an_example(
    http: Caller, text: str, said: str, example: str
) -> None:
    """The conversation goes on."""
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        peer.say_text(text)
        problem = await peer.next()
        assert (problem["type"], problem["body"]["code"]) == ("problem", "INVALID_REQUEST")
        assert said in problem["body"]["detail"]
        assert problem["body"]["violations"][-1] == f"for example {EXAMPLES[example]}"
        peer.say("recall", 1, query="x")
        assert (await peer.next())["type"] == "recalled"
        peer.leave()


async def test_every_violation_of_a_body_is_listed_under_its_number(http: Caller) -> None:
    """And what is said twice or about nothing is refused."""
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        for kind, seq, fields, said in (
            ("remember", 1, {"content": 1, "colour": 2}, ["unknown field 'colour'", "content: "]),
            ("remember", 1, {"content": "x"}, ["seq 1 does not come after 1"]),
            ("recall", 2, {"query": "x", "key": "k"}, ["recall takes no key"]),
            (
                "remember",
                3,
                {"content": "x", "memory_space": "b"},
                ["about memory space 'default'"],
            ),
            ("remember", 4, {"content": "x", "memory_space": "B!"}, ["{1,64}$"]),
            ("observe", 5, {"topic": "weather"}, ["topic: invalid enum value"]),
            ("credit", 6, {"count": 1}, ["seq 6 is that of no observation"]),
            ("stop", 5, {"now": True}, ["unknown field 'now'"]),
        ):
            peer.say(kind, seq, **fields)
            problem = await peer.next()
            assert (problem["type"], problem["seq"]) == ("problem", seq)
            for each in said:
                assert each in problem["body"]["detail"]
        peer.leave()
    assert [each.id for each in await http.db.spaces()] == ["default"]


async def test_a_binary_frame_ends_the_conversation_with_its_reason(http: Caller) -> None:
    """What is under way is answered first; the last message says why."""
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        peer.say("remember", 1, content="the kettle is blue")
        peer.say_bytes(b"\x00")
        assert (await peer.next())["seq"] == 1
        end = await peer.next()
        assert (end["type"], end["body"]["code"]) == ("end", "UNSUPPORTED_MEDIA_TYPE")
        close = await peer.next()
        assert (close["type"], close["code"]) == ("websocket.close", 1003)
        assert close["reason"].startswith("UNSUPPORTED_MEDIA_TYPE: a message is JSON")


async def test_changes_of_one_space_never_reach_an_observer_of_another(http: Caller) -> None:
    """Two spaces written in turns, over WebSockets and over HTTP."""
    async with anyio.create_task_group() as tasks:
        peers = {name: await welcomed(http, tasks, f"space={name}") for name in ("a", "b")}
        for name, peer in peers.items():
            await http.db.create_space(name)
            peer.say("observe", 1, topic="activities")
            assert (await peer.next())["body"] == {"space": name, "lsn": 0}
        ids: dict[str, list[str]] = {"a": [], "b": []}
        for number in range(12):
            name = "ab"[number % 2]
            if number % 3:
                ids[name].append(await http.remembered(f"text {number}", memory_space=name))
            else:
                peers[name].say("remember", 10 + number, content=f"text {number}")
                both = {each["type"]: each for each in [await peers[name].next() for _ in "12"]}
                ids[name].append(both["remembered"]["body"]["id"])
                assert both["change"]["body"]["remembered"] == ids[name][-1:]
                continue
            change = await peers[name].next()
            assert (change["type"], change["seq"]) == ("change", 1)
            assert change["body"]["remembered"] == ids[name][-1:]
            assert change["body"]["space"] == name
        for name, peer in peers.items():
            peer.say("recall", 99, query="text", limit=20)
            found = await peer.next()
            assert {each["memory"]["id"] for each in found["body"]["recollections"]} == set(
                ids[name]
            )
            peer.leave()


async def test_no_more_changes_come_than_were_asked_for(http: Caller) -> None:
    """More credit goes on behind the last one, from the log; a heartbeat passes over nothing."""
    for number in range(6):
        await http.remembered(f"text {number}")
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        http.host.streams.heartbeat_s = 0
        peer.say("observe", 1, topic="memories", after=1, credit=2)
        assert [(await peer.next())["type"] for _ in "123"] == ["observing", "change", "change"]
        for _ in range(3):
            beat = await peer.next()
            assert (beat["type"], beat["body"]) == ("heartbeat", {"space": "default", "lsn": 3})
        peer.say("credit", 1, count=2)
        assert [(await peer.until("change"))["body"]["lsn"] for _ in "12"] == [4, 5]
        peer.say("stop", 1)
        end = await peer.until("end")
        assert end["seq"] == 1
        assert (end["body"]["code"], end["body"]["resume_after"]) == ("STOPPED", 5)
        peer.say("credit", 1, count=2)  # it ended already: nothing is to be done
        peer.say("observe", 2, after=5)
        assert (await peer.next())["type"] == "observing"
        assert (await peer.until("change"))["body"]["lsn"] == 6
        peer.say("credit", 2, count=1)
        assert "begun without a credit" in (await peer.until("problem"))["body"]["detail"]
        peer.leave()


async def test_an_observer_that_is_too_slow_is_told_where_to_go_on(
    http: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its conversation goes on, and it can observe again from there."""
    monkeypatch.setattr(feed_module, "FEED_CHANGES_COUNT_MAX", 4)
    await http.remembered("text 0")
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        peer.say("observe", 1, credit=1)
        assert (await peer.next())["body"]["lsn"] == 1
        for number in range(1, 12):
            await http.remembered(f"text {number}")
        assert (await peer.next())["body"]["lsn"] == 2
        peer.say("credit", 1, count=1_000)
        seen = [await peer.next()]
        while seen[-1]["type"] == "change":
            seen.append(await peer.next())
        end = seen[-1]["body"]
        last = ([2] + [each["body"]["lsn"] for each in seen[:-1]])[-1]
        assert (end["code"], end["resume_after"]) == ("FELL_BEHIND", last)
        peer.say("observe", 2, after=last)
        rest = [await peer.next() for _ in range(13 - last)]
        assert [each["body"]["lsn"] for each in rest[1:]] == list(range(last + 1, 13))
        peer.leave()


async def test_an_lsn_that_is_gone_and_too_many_observations_are_refused(http: Caller) -> None:
    """Under the number of the message; the others go on."""
    memory_id = await http.remembered("the kettle is blue")
    await http.remembered("the kettle is green")
    await http("DELETE", f"/api/v1/memories/{memory_id}?mode=erase")
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        peer.say("observe", 1, after=0)
        gone = await peer.next()
        assert (gone["seq"], gone["body"]["status"], gone["body"]["code"]) == (1, 410, "GONE")
        for seq in range(2, 10):
            peer.say("observe", seq)
            assert (await peer.next())["type"] == "observing"
        peer.say("observe", 10)
        assert "8 observations are under way" in (await peer.next())["body"]["detail"]
        http.host.streams.at_once_max = http.host.streams.count
        peer.say("stop", 2)
        assert (await peer.next())["body"]["code"] == "STOPPED"
        peer.say("observe", 11)
        assert (await peer.next())["type"] == "observing"
        refused = opened(http, tasks)
        head = await refused.next()
        assert (head["type"], head["status"]) == ("websocket.http.response.start", 503)
        peer.leave()
    assert http.host.streams.count == 0


async def test_a_bug_in_an_observation_ends_it_and_tells_nothing(
    http: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has it; the conversation goes on."""
    await http.remembered("the kettle is blue")
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        monkeypatch.setattr("engram.model.changes.Change.about", lambda *_: 1 / 0)
        peer.say("observe", 1, after=0)
        end = await peer.until("end")
        assert (end["seq"], end["body"]["code"]) == (1, "INTERNAL_ERROR")
        assert "zero" not in end["body"]["detail"]
        peer.say("recall", 2, query="kettle")
        assert (await peer.next())["seq"] == 2
        peer.leave()
    assert "an observation of space default failed" in caplog.text


async def test_a_server_that_stops_answers_and_says_where_each_observation_ended(
    http: Caller,
) -> None:
    """Then it says why, and closes with 1001; new ones are refused."""
    await http.remembered("the kettle is blue")
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        peer.say("observe", 1, after=0)
        assert (await peer.until("change"))["body"]["lsn"] == 1
        http.host.streams.stop()
        end = await peer.next()
        assert (end["type"], end["seq"]) == ("end", 1)
        assert (end["body"]["code"], end["body"]["resume_after"]) == ("UNAVAILABLE", 1)
        last = await peer.next()
        assert (last["type"], last["body"]["code"]) == ("end", "UNAVAILABLE")
        assert "seq" not in last
        assert (await peer.next())["code"] == 1001
        head = await opened(http, tasks).next()
        assert head["status"] == 503


async def test_a_caller_that_reads_no_answers_is_not_read_from_and_then_cut_off(
    http: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than the window is taken from it; it is counted, others are served."""
    monkeypatch.setattr(module, "WINDOW_COUNT", 3)
    cut: list[bool] = []
    async with anyio.create_task_group() as tasks:
        connection = Connection(lambda: cut.append(True))
        peer = await welcomed(http, tasks, unread_max=1, connection=connection)
        for seq in range(1, 20):
            peer.say("remember", seq, content=f"text {seq}")
        while http.host.under_way_count < 3:
            await anyio.lowlevel.checkpoint()
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        assert peer.sent_count <= 1 + 3 + 1  # the connect, the window, and one whose answer waits
        http.host.streams.stalled_s = 0
        assert (await peer.next())["type"] == "remembered"
        while not cut:
            await anyio.lowlevel.checkpoint()
    assert http.host.streams.dropped_count == 1
    assert (http.host.streams.count, http.host.under_way_count) == (0, 0)
    await http.remembered("others are served")


async def test_work_ends_when_the_caller_of_a_socket_goes(
    http: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as abandoned."""
    begun = anyio.Event()

    async def waits(*_: Any, **__: Any) -> None:
        begun.set()
        await anyio.sleep_forever()

    monkeypatch.setattr("engram.service.space.Space.recall", waits)
    await http.remembered("the kettle is blue")
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        peer.say("recall", 1, query="kettle")
        await begun.wait()
        peer.leave()
    assert (http.host.abandoned_count, http.host.under_way_count) == (1, 0)


async def test_a_message_may_set_its_own_deadline(
    http: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past it the work stops, and the answer says so."""

    async def waits(*_: Any, **__: Any) -> None:
        await anyio.sleep_forever()

    monkeypatch.setattr("engram.service.space.Space.recall", waits)
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(http, tasks)
        peer.say("recall", 1, query="kettle", timeout_ms=1)
        assert (await peer.next())["body"]["code"] == "DEADLINE_EXCEEDED"
        peer.leave()


async def test_a_path_without_sockets_and_one_without_requests_say_so(http: Caller) -> None:
    """404 for a WebSocket that leads nowhere; 426 for a request where one is spoken."""
    answer = await http("GET", PATH)
    assert (answer.status_code, answer.json()["code"]) == (426, "UPGRADE_REQUIRED")
    assert answer.headers["upgrade"] == "websocket"
    sockets = [each for each in http.app.routes if isinstance(each, WebSocketRoute)]
    assert [each.path for each in sockets] == [PATH]
    assert all(isinstance(each.app, SocketDoor) for each in sockets)
    peer = Peer(10)
    scope: dict[str, Any] = {"type": "websocket", "path": "/nowhere", "headers": []}
    await http.app(scope | {"query_string": b""}, peer.to_server, peer.to_caller)
    assert (await peer.next())["status"] == 404
