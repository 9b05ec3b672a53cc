"""What was interrupted is gone on with, and an export may begin behind a memory."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import engram
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.service.exchange import exporting, text_files
from engram.service.preparing import NewMemory
from engram.service.space import Space

pytestmark = pytest.mark.anyio


@pytest.fixture
async def space(tmp_path: Path) -> AsyncIterator[Space]:
    async with engram.open(tmp_path / "store", kernels="numpy") as db:
        yield await db.space("default")


class Stopped(Exception):
    """Raised by a progress that has seen enough."""


def stop_after(count: int) -> Any:
    """Return a progress that stops the run after so many calls."""
    calls: list[int] = []

    def progress(done: int, _: int) -> None:
        calls.append(done)
        if len(calls) == count:
            raise Stopped

    return progress


async def test_an_interrupted_export_is_gone_on_with(
    space: Space,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was half written at the end is cut off; another export begins anew."""
    monkeypatch.setattr(exporting, "_PAGE", 3)
    await space.remember_many([f"memory {number}" for number in range(10)])
    for kind in ("ndjson", "csv"):
        path = tmp_path / f"out.{kind}"
        part = tmp_path / f"out.{kind}.part"
        with pytest.raises(Stopped):
            await space.export_to(path, progress=stop_after(2))
        assert not path.exists()
        with part.open("ab") as file:
            file.write(b"half a li")
        begun = part.read_bytes()[:-9]
        seen: list[int] = []
        await space.export_to(path, progress=lambda *counts: seen.append(counts[0]))  # noqa: B023
        assert seen == [9, 10]
        assert path.read_bytes().startswith(begun)
        assert path.read_bytes().count(b"memory ") == 10
        with pytest.raises(Stopped):
            await space.export_to(path, progress=stop_after(2))
        assert path.read_bytes().count(b"memory ") == 10
        done = await space.export_to(path, tags_all=["none"])
        assert (done.memories_count, path.read_bytes().count(b"memory ")) == (0, 0)


@pytest.mark.parametrize("kind", ["ndjson", "csv"])
async def test_an_export_interrupted_at_its_end_has_no_line_twice(
    space: Space,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    """Once the last page is written, and the file has not got its name yet."""
    monkeypatch.setattr(exporting, "_PAGE", 3)
    await space.remember_many([f"memory {number}" for number in range(10)])
    path = tmp_path / f"out.{kind}"
    for seen_before in (4, 1):
        with pytest.raises(Stopped):
            await space.export_to(path, progress=stop_after(seen_before))
        assert not path.exists()
    done = await space.export_to(path)
    assert (done.memories_count, path.read_bytes().count(b"memory ")) == (10, 10)


async def test_what_was_recorded_after_a_memory_is_exported(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page as all of it is, with true totals; the memory need not live, nor be chosen."""
    monkeypatch.setattr(exporting, "_PAGE", 3)
    items: list[NewMemory | str] = [
        {"content": f"memory {at}", "tags": ["even", "odd"][at % 2 :][:1]} for at in range(10)
    ]
    ids = (await space.remember_many(items)).ids
    whole = io.BytesIO()
    await space.export_to(whole, format="ndjson")
    lines = whole.getvalue().splitlines(keepends=True)
    for after in (0, 4, 9):
        out, seen = io.BytesIO(), list[tuple[int, int]]()
        await space.export_to(
            out, format="ndjson", after=ids[after],
            progress=lambda *counts: seen.append(counts),  # noqa: B023
        )  # fmt: skip
        left = 9 - after
        assert out.getvalue() == b"".join(lines[after + 1 :])
        assert {total for _, total in seen} == {left}
        assert await space.exported_count(after=ids[after]) == seen[-1][0] == left
    await space.forget(ids[5])
    out = io.BytesIO()
    done = await space.export_to(out, format="ndjson", after=ids[5], tags_all=["even"])
    assert (done.memories_count, out.getvalue()) == (2, lines[6] + lines[8])
    await space.forget(ids[5], mode="erase")
    for gone in (ids[5], "0190a6b4-5c1e-7d3a-9f00-0123456789ab"):
        with pytest.raises(MemoryNotFound, match=gone):
            await space.export_to(io.BytesIO(), format="ndjson", after=gone)
    with pytest.raises(InvalidRequest, match="is not a UUID"):
        await space.exported_count(after="7")


async def test_an_interrupted_import_is_gone_on_with(
    space: Space,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_files, "LINES_COUNT_MAX", 3)
    lines = [json.dumps({"content": f"memory {number}"}) for number in range(10)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), "utf-8")
    with pytest.raises(Stopped):
        await space.import_from(tmp_path / "in.jsonl", progress=stop_after(2))
    assert (await space.list(limit=1000)).total == 6
    read = await space.import_from(tmp_path / "in.jsonl")
    assert (read.created_count, read.known_count) == (4, 6)
    assert [each.content for each in await space.list(limit=1000)] == [
        f"memory {number}" for number in range(10)
    ]
    assert {each.seen_count for each in await space.list(limit=1000)} == {1}
