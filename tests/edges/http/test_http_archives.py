"""Backups over the network: out while they are made, in once all of it is there and sound."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from starlette.routing import Router

from engram.adapters.local.clock import SystemClock
from engram.edges.http import archives, streamed
from engram.edges.http.app import ENDPOINTS, make_app
from engram.edges.http.connections import Connection, extensions_with
from engram.edges.http.door import Host
from engram.edges.http.guard import Guard
from engram.service.access import Access, Principal, Role
from engram.wiring import open_backups

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio

BACKUP, RESTORE = "/api/v1/backup", "/api/v1/restore"


async def archive_of(http: Caller, query: str = "") -> bytes:
    """Return a backup as it is sent."""
    answer = await http("POST", f"{BACKUP}{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-tar"
    return answer.content


async def restored(
    http: Caller, data: bytes, query: str = "", app: Router | None = None, shown: str = ""
) -> tuple[int, Any]:
    """Send an archive in chunks that end nowhere in particular; return status and answer."""
    parts = iter([*(data[at : at + 1_000] for at in range(0, len(data), 1_000)), b""])

    async def receive() -> dict[str, Any]:
        part = next(parts)
        return {"type": "http.request", "body": part, "more_body": part != b""}

    headers = [(b"content-type", b"application/x-tar"), (b"x-api-key", shown.encode())]
    http.app = app or http.app
    status, _, body = await http.answered("POST", RESTORE, headers, receive, query.encode())
    return status, json.loads(body)


async def test_a_space_comes_back_under_another_id_as_it_was(http: Caller, tmp_path: Path) -> None:
    """With its digest; nothing is left of the archive on the disk."""
    memory_id = await http.remembered("the kettle is blue", tags=["kitchen"])
    await http("POST", "/api/v1/memories", {"content": "elsewhere"}, x_memory_space="other")
    data = await archive_of(http, "?space=default")
    _, answer = await restored(http, data, "space=default&into=copy")
    (one,) = answer["spaces"]
    assert (one["space"], one["backup_space"], one["memories"]) == ("copy", "default", 1)
    found = await http("GET", f"/api/v1/memories/{memory_id}?space=copy")
    assert found.json()["content"] == "the kettle is blue"
    verified = await http("POST", "/api/v1/maintenance/verify", {}, x_memory_space="copy")
    assert verified.json()["digest"] == one["digest"]
    assert list((tmp_path / "store").glob(".incoming-*")) == []


async def test_an_archive_of_all_spaces_is_a_repository_that_tar_unpacks(
    http: Caller, tmp_path: Path
) -> None:
    """It verifies; packed again by tar, folders and all, it is restored."""
    for space in ("default", "one"):
        await http("POST", "/api/v1/memories", {"content": space}, x_memory_space=space)
    folder = tmp_path / "unpacked"
    with tarfile.open(fileobj=io.BytesIO(await archive_of(http))) as found:
        found.extractall(folder, filter="data")
    report = await open_backups(folder).verify()
    assert (report.spaces, report.damage) == (2, ())
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as made:
        made.add(folder, ".")
    assert (await restored(http, packed.getvalue()))[0] == 409  # they are there
    _, answer = await restored(http, packed.getvalue(), "replace=true")
    assert [each["space"] for each in answer["spaces"]] == ["default", "one"]


async def test_an_archive_that_is_cut_or_damaged_changes_nothing(http: Caller) -> None:
    """Wherever it is cut; whatever byte of an object is another."""
    await http.remembered("the kettle is blue")
    data = await archive_of(http)
    await http.remembered("and the cat is black")
    before = (await http("GET", "/api/v1/spaces/default")).json()["lsn"]
    cuts = {data[:at] for at in (0, 100, 512, 1_000, len(data) // 2, len(data) - 1)}
    at = data.index(b".chunk") // 512 * 512 + 512 + 20
    damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    no_manifest = data[: data.rindex(b"backups/") // 512 * 512] + bytes(1_024)
    for each in (*cuts, damaged, no_manifest):
        status, answer = await restored(http, each, "replace=true")
        assert (status, answer["code"]) == (400, "INVALID_REQUEST")
        assert "nothing was changed" in answer["detail"]
    assert (await http("GET", "/api/v1/spaces/default")).json()["lsn"] == before


@pytest.mark.parametrize(
    ("name", "size"),
    [("../../x", 1), ("objects/../../x.chunk", 1), ("STORE", 1), ("config.json", 5_000)],
)
async def test_nothing_but_a_backup_is_unpacked(http: Caller, name: str, size: int) -> None:
    """A name, or a length, that no backup has is refused before its bytes are read."""
    info = tarfile.TarInfo(name)
    info.size = size
    status, answer = await restored(http, info.tobuf() + bytes(512 + 1_024))
    assert (status, "no place for it" in answer["detail"]) == (400, True)


async def test_an_erased_memory_does_not_come_back(http: Caller) -> None:
    """Into the store that erased it; the receipt of the erasure names what was sent."""
    memory_id = await http.remembered("a secret")
    data = await archive_of(http)
    receipt = await http("DELETE", f"/api/v1/memories/{memory_id}?mode=erase")
    assert receipt.json()["archives"] == ["a backup that was sent over the network"]
    _, answer = await restored(http, data, "replace=true")
    assert answer["spaces"][0]["erased"] == 1
    assert (await http("GET", f"/api/v1/memories/{memory_id}")).status_code == 404


async def test_only_who_may_ask_all_that_is_carried_is_served(http: Caller) -> None:
    """An admin of one space gets that one, under that id; an agent gets none."""
    await http.remembered("the kettle is blue")
    await http("POST", "/api/v1/memories", {"content": "elsewhere"}, x_memory_space="other")
    everything = await archive_of(http)

    class Known:
        def principal_of(self, shown: str) -> Principal | None:
            role = {"admin": Role.ADMIN, "agent": Role.AGENT}[shown]
            return Principal(shown, role, frozenset(("default",)))

    guard = Guard(SystemClock(), Access([Known()]))
    host = Host(http.db, "1", "t", SystemClock(), guard, http.host.transfers)
    app = make_app(host)

    async def asked(query: str, shown: str = "admin") -> int:
        return (await restored(http, everything, query, app, shown))[0]

    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:

        async def asked_out(query: str, shown: str = "admin") -> int:
            return (await client.post(f"{BACKUP}{query}", headers={"x-api-key": shown})).status_code

        assert await asked_out("?space=default", "agent") == 403
        assert await asked_out("") == 403
        assert await asked_out("?space=other") == 403
        assert await asked_out("?space=default") == 200
    assert await asked("space=default&replace=true", "agent") == 403
    assert await asked("replace=true") == 403
    assert await asked("space=default&into=other&replace=true") == 403
    assert await asked("space=default&replace=true") == 200


async def test_what_is_not_an_archive_or_has_no_place_is_refused(http: Caller) -> None:
    """By media type, by size, by a space that is not there, by a server without a place."""
    answer = await http("POST", RESTORE, {})
    assert (answer.status_code, answer.headers["connection"]) == (415, "close")
    assert (await http("POST", f"{BACKUP}?space=nowhere")).status_code == 404
    small = make_app(http.host, [each._replace(takes_bytes_max=1_500) for each in ENDPOINTS])
    assert (await restored(http, await archive_of(http), app=small))[0] == 413
    http.host.transfers = None
    assert (await http("POST", BACKUP)).status_code == 501


async def test_a_body_that_stops_coming_is_given_up(
    http: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time that is named; nothing of it is kept."""
    monkeypatch.setattr(streamed, "CHUNK_SECONDS_MAX", 0)

    async def receive() -> dict[str, Any]:
        await anyio.sleep_forever()
        return {}

    headers = [(b"content-type", b"application/x-tar")]
    status, _, body = await http.answered("POST", RESTORE, headers, receive)
    assert (status, b"no byte of the body came for 0 s" in body) == (408, True)


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_caller_who_stops_taking_ends_the_backup(
    http: Caller, monkeypatch: pytest.MonkeyPatch, *, leaves: bool
) -> None:
    """It goes, or takes nothing: the archive has no end, and the next backup has its turn."""
    await http.remembered("the kettle is blue")
    if not leaves:
        monkeypatch.setattr(archives, "STALLED_SECONDS_MAX", 0)
    cut, sent, begun = [], [], anyio.Event()

    async def receive() -> MutableMapping[str, Any]:
        await begun.wait()
        if not leaves:
            await anyio.sleep_forever()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            begun.set()
            await anyio.sleep_forever()

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": BACKUP, "headers": []}
    scope["extensions"] = extensions_with(Connection(lambda: cut.append(True)))
    scope["query_string"] = b""
    for _ in range(3):
        await http.app(scope, receive, send)
    assert set(sent) == {"http.response.start", "http.response.body"}
    assert len(cut) == (0 if leaves else 3)
    assert await archive_of(http)


async def test_a_space_that_an_archive_does_not_hold_is_refused(http: Caller) -> None:
    """The answer tells of the archive, and not of where the server has put it."""
    await http.remembered("the kettle is blue")
    status, answer = await restored(http, await archive_of(http), "space=other&into=copy")
    assert (status, answer["code"]) == (400, "INVALID_REQUEST")
    assert "the archive holds no backup of memory space 'other'" in answer["detail"]
    assert ".incoming" not in str(answer)
