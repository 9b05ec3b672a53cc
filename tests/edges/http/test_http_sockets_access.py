"""Who may open a WebSocket, and say what over it: as with requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
import pytest

from engram.edges.http.guard import Guard
from engram.service.access import Access, Principal, Role
from engram.service.limiting import TokenBuckets
from engram.testing.clock import FakeClock
from tests.edges.http.socket_peers import PATH, opened, welcomed
from tests.edges.kept_lines import Lines

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio


class Keys:
    """Somebody for each secret."""

    def __init__(self) -> None:
        self.known = {
            "r": Principal("reads", Role.READER, frozenset("a")),
            "w": Principal("writes", Role.AGENT, frozenset("a")),
        }

    def principal_of(self, secret: str) -> Principal | None:
        """Return who that is."""
        return self.known.get(secret)


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("space=a", {}, 401),
        ("space=a", {"authorization": "Bearer nobody"}, 401),
        ("space=b", {"authorization": "Bearer r"}, 403),
        ("", {"authorization": "Bearer r"}, 403),
        ("space=A", {"authorization": "Bearer r"}, 400),
        ("space=a&colour=blue", {"authorization": "Bearer r"}, 400),
        ("space=a", {"authorization": "Bearer r", "origin": "http://evil", "host": "h"}, 403),
        ("space=a", {"authorization": "Bearer r", "origin": "null", "host": "h"}, 403),
        ("space=a", {"authorization": "Bearer r", "origin": "http://h:1", "host": "h:1"}, 101),
        ("space=a", {"x-api-key": "r"}, 101),
    ],
)
async def test_the_door_of_sockets_is_that_of_requests(
    http: Caller, query: str, headers: dict[str, str], status: int
) -> None:
    """Who is not let in gets problem details in place of a WebSocket, and the audit a line."""
    lines = Lines()
    http.host.guard = Guard(FakeClock(), Access([Keys()]), None, lines)
    async with anyio.create_task_group() as tasks:
        peer = opened(http, tasks, query, headers=headers)
        first = await peer.next()
        if status == 101:
            assert first["type"] == "websocket.accept"
            peer.leave()
        else:
            assert (first["type"], first["status"]) == ("websocket.http.response.start", status)
            assert json.loads((await peer.next())["body"])["status"] == status
    assert [(each.action, each.status) for each in lines.lines] == [(f"GET {PATH}", status)]


async def test_each_message_is_guarded_audited_and_measured(http: Caller) -> None:
    """By role, by rate, under an id of its own; a key that is revoked ends the conversation."""
    await http.db.create_space("a")
    lines, keys, clock = Lines(), Keys(), FakeClock()
    http.host.guard = Guard(clock, Access([keys]), TokenBuckets(1, 4), lines)
    async with anyio.create_task_group() as tasks:
        peer = await welcomed(
            http, tasks, "space=a", headers={"x-api-key": "r", "x-request-id": "q"}
        )
        peer.say("remember", 1, content="x")
        refused = (await peer.next())["body"]
        assert (refused["code"], refused["request_id"]) == ("FORBIDDEN", "q.1")
        peer.say("recall", 2, query="x")
        assert (await peer.next())["type"] == "recalled"
        peer.say("nonsense", 3)
        assert (await peer.next())["body"]["code"] == "INVALID_REQUEST"
        peer.say("observe", 4)
        assert (await peer.next())["type"] == "observing"
        peer.say("recall", 5, query="x")
        limited = await peer.next()
        assert (limited["body"]["code"], limited["retry_after_s"]) == ("RATE_LIMITED", 1)
        del keys.known["r"]
        peer.say("recall", 6, query="x")
        assert (await peer.next())["body"]["code"] == "UNAUTHORIZED"
        assert (await peer.until("end"))["seq"] == 4
        assert (await peer.until("websocket.close"))["code"] == 1008
    told = [(each.action, each.status, each.request_id) for each in lines.lines]
    recall, stream = "POST /api/v1/memories/recall", f"GET {PATH}"
    assert told == [
        (stream, 101, "q"),
        ("POST /api/v1/memories/remember", 403, "q.1"),
        (recall, 200, "q.2"),
        (stream, 400, "q.3"),
        (stream, 101, "q.4"),
        (recall, 429, "q.5"),
        (recall, 401, "q.6"),
    ]
    assert {each.space for each in lines.lines} == {"a"}
    counted = dict(http.host.durations.samples())
    name = "engram_memory_operation_duration_seconds_count"
    assert counted[f'{name}{{memory_space="a",operation="recall"}}'] == 1
    assert counted[f'{name}{{memory_space="a",operation="observe"}}'] == 1
