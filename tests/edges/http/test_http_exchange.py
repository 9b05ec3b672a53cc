"""Memories as lines of files over HTTP: a space out, lines in, whatever they are."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

from engram.edges.http import exchange
from engram.edges.http.limits import UPLOADS_AT_ONCE_MAX
from engram.service.exchange.text_files import LINE_BYTES_MAX

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio

HEADERS = {"Content-Type": "application/x-ndjson"}


async def test_what_was_exported_is_imported_elsewhere(http: Caller) -> None:
    """More than one page of it, chosen by filters, in any space; twice is once."""
    many = [{"content": f"text {number}", "tags": ["a"]} for number in range(1_500)]
    await http("POST", "/api/v1/memories/batch", {"memories": many})
    await http.remembered("another", tags=["b"])
    answer = await http("GET", "/api/v1/export?tags_all=a")
    assert (answer.status_code, answer.headers["x-total-count"]) == (200, "1500")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = answer.text.splitlines()
    assert [json.loads(each)["content"] for each in lines] == [each["content"] for each in many]
    for created, known in ((1_500, 0), (0, 1_500)):
        done = await http.client.post(
            "/api/v1/import?space=copy", content=answer.content, headers=HEADERS
        )
        assert done.status_code == 200
        assert (done.json()["created_count"], done.json()["known_count"]) == (created, known)
    assert (await http("HEAD", "/api/v1/export")).content == b""


async def test_an_export_may_begin_behind_a_memory(http: Caller) -> None:
    """Its count is of what comes; a memory that is not there is told before the first line."""
    ids = [await http.remembered(f"text {at}", tags=["a"] * (at % 2)) for at in range(6)]
    for asked, wanted in (("", ids[3:]), ("&tags_all=a", [ids[3], ids[5]])):
        answer = await http("GET", f"/api/v1/export?after={ids[2]}{asked}")
        assert [json.loads(each)["id"] for each in answer.text.splitlines()] == wanted
        assert answer.headers["x-total-count"] == str(len(wanted))
    await http("POST", "/api/v1/memories?space=other", {"content": "x"})
    for asked, status, code in (
        (f"space=other&after={ids[2]}", 404, "NOT_FOUND"),
        ("after=2", 400, "INVALID_REQUEST"),
    ):
        answer = await http("GET", f"/api/v1/export?{asked}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_what_cannot_be_exported_is_told_before_it_begins(http: Caller) -> None:
    """A space that is not there, filters that break a rule, parameters there are not."""
    assert (await http("GET", "/api/v1/export?space=nowhere")).status_code == 404
    assert (await http("GET", "/api/v1/export?kinds=nonsense")).status_code == 400
    assert (await http("GET", "/api/v1/export?format=csv")).status_code == 400
    assert (await http("POST", "/api/v1/import", {})).status_code == 415


async def test_a_file_of_something_else_is_given_up(
    http: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many lines that are no memories; what came before them stays."""
    monkeypatch.setattr(exchange, "REJECTED_COUNT_MAX", 3)
    body = b'{"content": "x"}\n' * 1 + b"nonsense\n" * 3
    done = await http.client.post("/api/v1/import", content=body, headers=HEADERS)
    assert [each["number"] for each in done.json()["rejected"]] == [2, 3, 4]
    done = await http.client.post("/api/v1/import", content=body + b"more\n", headers=HEADERS)
    assert (done.status_code, "more than 3 lines" in done.json()["detail"]) == (400, True)
    http.host.streams.uploads_count = UPLOADS_AT_ONCE_MAX
    done = await http.client.post("/api/v1/import", content=body, headers=HEADERS)
    assert (done.status_code, http.host.streams.uploads_count) == (503, UPLOADS_AT_ONCE_MAX)


async def test_of_a_line_without_an_end_no_more_is_kept_than_a_line_may_have(http: Caller) -> None:
    """It is told by its number, and those around it are remembered."""

    async def body() -> AsyncIterator[bytes]:
        yield b'{"content": "before"}\n'
        for _ in range(LINE_BYTES_MAX // (1 << 20) * 5):
            yield b" " * (1 << 20)
        yield b'\n{"content": "after"}'

    tracemalloc.start()
    try:
        done = await http.client.post("/api/v1/import", content=body(), headers=HEADERS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [each["number"] for each in done.json()["rejected"]] == [2]
    assert done.json()["created_count"] == 2
    assert peak < LINE_BYTES_MAX * 4.5  # of five times as much, and some copies of one line
