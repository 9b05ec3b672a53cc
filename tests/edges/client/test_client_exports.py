"""An export from a server that broke off goes on where it was, when the same is asked again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import ByteReceiveStream, ByteSendStream, SocketAttribute, SocketStream

import engram
from engram.edges.client.space import RemoteSpace
from engram.edges.http.server import HttpServer
from engram.model.errors import InvalidRequest, MemoryNotFound, ServerUnreachable
from engram.service.exchange import exporting
from engram.service.preparing import NewMemory

pytestmark = pytest.mark.anyio
COUNT = 40
# Several times what one reading of a connection takes, so that progress is told several times.
LETTERS = 10_000
CUT_AFTER = 150_000


class Stopped(Exception):
    """Raised by a progress that has seen enough."""


class Seen:
    """A progress that keeps what it is told, and stops the first run it is told of."""

    def __init__(self, *, stops: bool) -> None:
        self.counts: list[tuple[int, int]] = []
        self._stops = stops

    def __call__(self, done: int, total: int) -> None:
        """Keep it, or stop."""
        self.counts.append((done, total))
        if self._stops and len(self.counts) == 2:
            raise Stopped


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server, which is in this process, send a few memories at a time."""
    monkeypatch.setattr(exporting, "_PAGE", 3)


@asynccontextmanager
async def space_at(url: str) -> AsyncIterator[RemoteSpace]:
    async with engram.connect(url) as db:
        yield await db.space()


async def fill(space: RemoteSpace) -> list[str]:
    """Remember texts of some length, one of them tagged; return their ids."""
    items: list[NewMemory | str] = [
        {"content": f"{at:03} " + "x" * LETTERS, "tags": ["a"] * (at == 7), "associate": False}
        for at in range(COUNT)
    ]
    return list((await space.remember_many(items)).ids)


def names_in(folder: Path, beginning: str = "") -> list[str]:
    """Return the names of the files of a folder."""
    return sorted(each.name for each in folder.glob(f"{beginning}*"))


async def break_off(space: RemoteSpace, path: Path, **asked: Any) -> int:
    """Export until some is there; return how many memories that is."""
    seen = Seen(stops=True)
    with pytest.raises(Stopped):
        await space.export_to(path, progress=seen, **asked)
    done, total = seen.counts[-1]
    assert 0 < done < total
    assert names_in(path.parent, path.name) == [f"{path.name}.part", f"{path.name}.part.json"]
    return done


@pytest.mark.parametrize("kind", ["ndjson", "csv"])
async def test_an_export_that_broke_off_goes_on(
    server: HttpServer, tmp_path: Path, kind: str
) -> None:
    """The file is that of an export in one piece, and progress counts on, up to all there are."""
    whole, path = tmp_path / f"whole.{kind}", tmp_path / f"out.{kind}"
    async with space_at(server.url) as space:
        ids = await fill(space)
        await space.associate(ids[-1], ids[0], "causal")
        wanted = await space.export_to(whole)
        begun = await break_off(space, path)
        part = tmp_path / f"out.{kind}.part"
        kept = part.read_bytes()
        with part.open("ab") as file:
            file.write(b"half a li")
        seen = Seen(stops=False)
        done = await space.export_to(path, progress=seen)
    assert (done.memories_count, done.associations_count) == (COUNT, 1)
    assert (done, path.read_bytes()) == (wanted, whole.read_bytes())
    assert whole.read_bytes().startswith(kept)
    assert seen.counts[0][0] > begun
    assert {total for _, total in seen.counts} == {COUNT}
    assert seen.counts[-1] == (COUNT, COUNT)
    assert names_in(tmp_path) == [f"out.{kind}", f"whole.{kind}"]


async def test_only_what_is_left_is_sent(server: HttpServer, tmp_path: Path) -> None:
    """What was written is not sent again: what became of it meanwhile is not in the file."""
    path = tmp_path / "out.ndjson"
    async with space_at(server.url) as space:
        ids = await fill(space)
        begun = await break_off(space, path)
        await space.forget(ids[0])
        await space.forget(ids[begun - 1])  # the memory behind which it goes on
        await space.remember("the last")
        await space.export_to(path)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [each["id"] for each in lines[:-1]] == ids
    assert lines[-1]["content"] == "the last"


@pytest.mark.parametrize("other", [{"tags_any": ["a"]}, {"format": "csv"}, {"after": 0}])
async def test_another_export_begins_anew(
    server: HttpServer, tmp_path: Path, other: dict[str, Any]
) -> None:
    """Of other memories, or in another format: nothing of the first one is in it."""
    whole, path = tmp_path / "whole.ndjson", tmp_path / "out.ndjson"
    async with space_at(server.url) as space:
        ids = await fill(space)
        if "after" in other:
            other = {"after": ids[other["after"]]}
        await space.export_to(whole, **other)
        await break_off(space, path)
        await space.export_to(path, **other)
    assert path.read_bytes() == whole.read_bytes()


async def test_an_export_begins_anew_where_its_place_is_gone(
    server: HttpServer, tmp_path: Path
) -> None:
    """When the memory it would go on behind was erased."""
    whole, path = tmp_path / "whole.ndjson", tmp_path / "out.ndjson"
    async with space_at(server.url) as space:
        ids = await fill(space)
        begun = await break_off(space, path)
        await space.forget(ids[begun - 1], mode="erase")
        seen = Seen(stops=False)
        done = await space.export_to(path, progress=seen)
        assert await space.export_to(whole) == done
    assert path.read_bytes() == whole.read_bytes()
    assert (done.memories_count, seen.counts[-1]) == (COUNT - 1, (COUNT - 1, COUNT - 1))


async def test_a_place_that_was_asked_for_and_is_not_there_is_told(
    server: HttpServer, tmp_path: Path
) -> None:
    """By the library's errors; no file appears."""
    path = tmp_path / "out.ndjson"
    async with space_at(server.url) as space:
        ids = await fill(space)
        await space.forget(ids[3], mode="erase")
        with pytest.raises(MemoryNotFound):
            await space.export_to(path, after=ids[3])
        with pytest.raises(InvalidRequest, match="is not a UUID"):
            await space.export_to(path, after="3")
        assert not names_in(tmp_path, "out.ndjson.part.json")
        done = await space.export_to(path, after=ids[2])
    assert done.memories_count == COUNT - 4


@asynccontextmanager
async def cutting_once(port: int) -> AsyncIterator[str]:
    """Lend the URL of a way to a server that ends once, in the middle of a long answer."""
    cuts = [CUT_AFTER]

    async def carry(source: ByteReceiveStream, to: ByteSendStream, left: float) -> None:
        async for data in source:
            if len(data) > left:
                cuts.clear()
                return
            left -= len(data)
            await to.send(data)

    async def serve(near: SocketStream) -> None:
        async with (
            near,
            await anyio.connect_tcp("127.0.0.1", port) as far,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(carry, near, far, float("inf"))
            await carry(far, near, cuts[0] if cuts else float("inf"))
            tasks.cancel_scope.cancel()

    async with AsyncExitStack() as held:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        await held.enter_async_context(listener)
        tasks = await held.enter_async_context(anyio.create_task_group())
        tasks.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"  # noqa: S610 - not SQL
        tasks.cancel_scope.cancel()


async def test_what_a_lost_connection_left_is_gone_on_with(
    server: HttpServer, tmp_path: Path
) -> None:
    """The first run says that the connection was lost; the second sends for the rest alone."""
    whole, path = tmp_path / "whole.ndjson", tmp_path / "out.ndjson"
    async with space_at(server.url) as space:
        await fill(space)
        wanted = await space.export_to(whole)
    port = int(server.url.rpartition(":")[2])
    async with cutting_once(port) as url, space_at(url) as space:
        first, second = Seen(stops=False), Seen(stops=False)
        with pytest.raises(ServerUnreachable, match="the connection was lost"):
            await space.export_to(path, progress=first)
        assert await space.export_to(path, progress=second) == wanted
    assert path.read_bytes() == whole.read_bytes()
    assert 0 < first.counts[-1][0] < second.counts[0][0]
    assert second.counts[-1] == (COUNT, COUNT)
