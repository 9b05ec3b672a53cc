"""Callers that make up memory spaces: they get so many and no more, whatever they write."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Router

import engram
from engram.adapters.local.clock import SystemClock
from engram.edges.http.app import make_app
from engram.edges.http.door import Host
from engram.edges.http.guard import Guard
from engram.model.errors import TooManySpaces
from engram.service.access import Access, Principal, Role
from engram.service.store import Engram
from engram.settings import load_settings
from engram.wiring import open_store

pytestmark = pytest.mark.anyio


class Known:
    """Everybody who shows a name is who they say."""

    def principal_of(self, secret: str) -> Principal | None:
        """Return who that is."""
        return Principal(secret, Role.ADMIN, None)


class Caller:
    """Sends writes to the application, with as little around them as there can be."""

    def __init__(self, host: Host, db: Engram) -> None:
        self.host, self.db, self.app = host, db, make_app(host)

    async def __call__(
        self, method: str, path: str, value: Any = None, shown: str = "ann", space: str = ""
    ) -> tuple[int, Any]:
        """Return the status and the JSON of the answer."""
        body = b"" if value is None else json.dumps(value).encode()
        headers = [(b"content-type", b"application/json"), (b"x-api-key", shown.encode())]
        if space:
            headers.append((b"x-memory-space", space.encode()))
        return await asked(self.app, method, path, headers, body)

    async def remember(self, space: str, shown: str = "ann") -> tuple[int, Any]:
        """Remember something in a space."""
        return await self("POST", "/api/v1/memories", {"content": "x"}, shown, space)


async def asked(
    app: Router, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[int, Any]:
    """Send one request as ASGI has it."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b""}
    await app(scope | {"headers": headers}, receive, send)
    told = sent[1]["body"]
    is_json = told[:1] in (b"{", b"[")
    return sent[0]["status"], json.loads(told) if is_json else told.decode()


@asynccontextmanager
async def server(path: Path, spaces_max: int, per_caller: int) -> AsyncIterator[Caller]:
    """Serve a store that lets so many spaces be."""
    bounds = {
        "ENGRAM_SPACES_MAX": str(spaces_max),
        "ENGRAM_SPACES_PER_CALLER": str(per_caller),
    }
    settings = load_settings(bounds)
    async with open_store(path, embedder=None, kernels="numpy", settings=settings) as db:
        guard = Guard(SystemClock(), Access([Known()]))
        yield Caller(Host(db, "1", "s", SystemClock(), guard), db)


def allocated_blocks() -> int:
    """Return how many blocks of memory are held, of whatever size: a grown table is still one."""
    gc.collect()
    return sys.getallocatedblocks()


async def test_ten_thousand_made_up_ids_make_a_few_spaces(tmp_path: Path) -> None:
    """The rest is refused with the setting and a remedy; labels, locks and memory are bounded."""
    async with server(tmp_path, 100, 8) as caller:
        refused, blocks = 0, 0
        for number in range(10_000):
            status, told = await caller.remember(f"made-up-{number}")
            refused += status == 403
            if number == 1_000:  # what is made once has been made
                blocks = allocated_blocks()
        kept = allocated_blocks() - blocks
        assert refused == 10_000 - 8
        assert told["code"] == "FORBIDDEN"
        assert (told["error"], told["facts"]["limit"]) == ("TooManySpaces", "spaces_per_caller")
        assert "ENGRAM_SPACES_PER_CALLER" in told["detail"]
        assert kept < 4_500  # of 9,000 ids: less than one object for every other
        assert len(await caller.db.spaces()) == 9  # and default
        _, metrics = await caller("GET", "/metrics")
        labels = {line.split('memory_space="')[1].split('"')[0]
                  for line in metrics.splitlines() if 'memory_space="' in line}  # fmt: skip
        assert len(labels) <= 10  # and what has no label of its own
        assert len(caller.host.db._core.registry.locks) == 0
        # What is there is served, also to who may make none; another caller has its own.
        assert (await caller.remember("made-up-3"))[0] == 201
        assert (await caller.remember("default"))[0] == 201
        assert (await caller.remember("made-up-3", "bob"))[0] == 201
        assert (await caller.remember("bobs", "bob"))[0] == 201
        status, told = await caller("POST", "/api/v1/spaces", {"id": "one-more"})
        assert (status, told["error"]) == (403, "TooManySpaces")


async def test_a_caller_that_deletes_a_space_may_make_another(tmp_path: Path) -> None:
    """And one that is refused for what it wrote has made none, which counts soon."""
    async with server(tmp_path, 0, 2) as caller:
        assert [(await caller.remember(each))[0] for each in ("a", "b", "c")] == [201, 201, 403]
        await caller.db.drop_space("a")
        wrong = {"content": "x", "kind": "nonsense"}
        assert (await caller("POST", "/api/v1/memories", wrong, space="never"))[0] == 400
        assert (await caller.remember("d"))[0] == 403
        bounds = caller.db._core.new_spaces
        assert bounds is not None
        bounds._made["ann"]["never"] -= 60 * 10**9
        bounds._counted_at -= 60 * 10**9
        assert [(await caller.remember(each))[0] for each in ("d", "e")] == [201, 403]


async def test_all_callers_together_make_no_more_than_there_may_be(tmp_path: Path) -> None:
    """Nor does the program that has the store open; a space that is dropped makes room."""
    async with server(tmp_path, 4, 3) as caller:
        names = [("ann", "a"), ("ann", "b"), ("bob", "c"), ("cid", "d"), ("ann", "a")]
        assert [(await caller.remember(space, who))[0] for who, space in names] == [
            *(201, 201, 201, 403, 201),
        ]
        with pytest.raises(TooManySpaces, match="raise ENGRAM_SPACES_MAX") as error:
            await (await caller.db.space("d")).remember("x")
        assert (error.value.limit, error.value.value) == ("spaces_max", 4)
        with pytest.raises(TooManySpaces):
            await caller.db.create_space("d")
        await caller.db.drop_space("b")
        assert isinstance(await caller.db.create_space("d"), engram.Space)
        assert (await caller.remember("e", "dan"))[0] == 403
