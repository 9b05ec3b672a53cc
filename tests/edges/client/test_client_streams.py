"""A subscription over HTTP goes on where it was, whatever becomes of connections and servers."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

import engram
from engram.edges.client import http_events, subscription
from engram.edges.client.subscription import RemoteSubscription
from engram.edges.http.server import HttpServer
from engram.model.errors import (
    ChangesGone,
    Closed,
    InvariantViolated,
    ServerUnreachable,
    SpaceNotFound,
)
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.scripted_server import events, problem, scripted

if TYPE_CHECKING:
    from tests.edges.client.conftest import Serve

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin streams anew without a rest."""
    monkeypatch.setattr(subscription, "RECONNECT_SECONDS", 0.001)


def start(lsn: int) -> str:
    """Return the first event of a stream."""
    return f'id: {lsn}\nevent: start\ndata: {{"space":"default","lsn":{lsn}}}'


def change(lsn: int) -> str:
    """Return an event that tells of a change."""
    return f'id: {lsn}\nevent: change\ndata: {{"lsn":{lsn},"space":"default","associated":1}}'


def end(code: str) -> str:
    """Return the last event of a stream."""
    return f'event: end\ndata: {{"code":"{code}","detail":"it says {code}","resume_after":1}}'


async def test_a_server_that_starts_anew_is_followed_on(serve: Serve) -> None:
    """Each change comes once, those included that happened while nobody followed."""
    disk = SimulatedFilesystem()
    with ExitStack() as running:
        url = running.enter_context(serve(disk=disk)).url
        async with engram.connect(url) as db, (await db.space()).subscribe() as changes:
            one = await (await db.space()).remember("one")
            assert await followed(changes) == ((one.id,), one.lsn)
            await anyio.to_thread.run_sync(running.close)
            running.enter_context(serve(port=int(url.rsplit(":", 1)[1]), disk=disk))
            two = await (await db.space()).remember("two")
            assert await followed(changes) == ((two.id,), two.lsn)
            assert await changes.next(0) is None


async def followed(changes: RemoteSubscription) -> tuple[tuple[str, ...], int]:
    """Return what was remembered by the next change, and how far that is."""
    change = await anext(changes)
    return change.remembered, changes.lsn


async def test_a_stream_that_is_lost_is_resumed() -> None:
    """In the middle of an event, after an end that time helps against, and without a word."""
    streams = [
        events(start(3), change(4), change(5), "id: 6\nevent: cha"),
        problem(503, "OVERLOADED"),
        events(start(5), change(5), change(6), end("FELL_BEHIND")),
        events(start(6), "id: 9\nevent: heartbeat\ndata: {}", end("UNAVAILABLE")),
        events(start(9), change(10), is_open=True),
    ]
    async with (
        scripted(*streams) as script,
        engram.connect(script.url) as db,
        (await db.space()).subscribe("activities", after=3) as changes,
    ):
        assert changes.lsn == 3
        found = [(await anext(changes)).lsn for _ in range(4)]
        assert (found, changes.lsn) == ([4, 5, 6, 10], 10)
        assert await changes.next(0) is None
    lines = {each.line for each in script.sent}
    assert lines == {"GET /api/v1/stream/activities?after=3"}
    seen = [each.headers.get("last-event-id") for each in script.sent]
    assert seen == [None, "5", "5", "6", "9"]


async def test_a_stream_that_is_silent_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is broken somewhere says nothing of it."""
    monkeypatch.setattr(http_events, "SILENCE_SECONDS_MAX", 0.05)
    silent = events(start(1), is_open=True)
    async with (
        scripted(silent, events(start(1), change(2))) as script,
        engram.connect(script.url) as db,
        (await db.space()).subscribe() as changes,
    ):
        assert (await anext(changes)).lsn == 2
    assert len(script.sent) >= 2


async def test_an_end_for_good_is_raised() -> None:
    """At the place where it happened, and from then on."""
    async with (
        scripted(events(start(1), change(2), end("GONE"))) as script,
        engram.connect(script.url) as db,
        (await db.space()).subscribe() as changes,
    ):
        assert (await anext(changes)).lsn == 2
        for _ in range(2):
            with pytest.raises(ChangesGone, match="it says GONE"):
                await changes.next()
    assert len(script.sent) == 1
    with pytest.raises(ChangesGone):
        await changes.next()


async def test_a_server_that_stays_away_is_given_up() -> None:
    """After as long as a verb may take."""
    async with (
        scripted(events(start(1), end("UNAVAILABLE"))) as script,
        engram.connect(script.url, timeout=0.05) as db,
        (await db.space()).subscribe() as changes,
    ):
        script.stop()
        with pytest.raises(ServerUnreachable):
            await changes.next()


async def test_what_cannot_be_read_is_no_silence() -> None:
    """It is raised where changes are waited for."""
    async with (
        scripted(events(start(1), "id: 2\nevent: change\ndata: {]")) as script,
        engram.connect(script.url) as db,
        (await db.space()).subscribe() as changes,
    ):
        with pytest.raises(InvariantViolated, match="could not be read"):
            await changes.next()


async def test_a_cancelled_wait_loses_nothing(server: HttpServer) -> None:
    """Whoever waits in short turns gets what who waits long gets."""
    async with engram.connect(server.url) as db:
        space = await db.space()
        async with space.subscribe("memories") as changes:
            made = [(await space.remember(f"text {n}")).lsn for n in range(5)]
            found: list[int] = []
            while len(found) < len(made):
                with anyio.move_on_after(0.001):
                    change = await changes.next(0.0005)
                    found += [] if change is None else [change.lsn]
            assert found == made


async def test_who_follows_a_space_that_is_dropped_is_told(server: HttpServer) -> None:
    """The server says only that it ended: asked again, that there is none."""
    async with engram.connect(server.url) as db:
        space = await db.create_space("a")
        async with space.subscribe() as changes:
            await db.drop_space("a")
            with pytest.raises(SpaceNotFound):
                await changes.next()


async def test_a_subscription_that_was_left_is_closed(server: HttpServer) -> None:
    """And leaves no task behind, whatever its block raised."""
    async with engram.connect(server.url) as db:
        changes = (await db.space()).subscribe()
        with pytest.raises(ZeroDivisionError):
            async with changes:
                raise ZeroDivisionError
        with pytest.raises(Closed, match="subscription"):
            await changes.next()
