"""Exports of other programs become memories; what is none is told with its place and kept."""

from __future__ import annotations

import io
import json
import os
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

import engram
from engram.model.errors import InvalidRequest
from engram.model.memory import Memory
from engram.service.exchange import records
from engram.service.space import Space
from tests.unit.service.exchange.exports import (
    BLOCKS,
    CHAT,
    CHROMA,
    MEM0,
    SOURCES,
    database,
    notes,
    written,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def space(tmp_path: Path) -> AsyncIterator[Space]:
    async with engram.open(tmp_path / "store", kernels="numpy") as store:
        yield await store.space("default")


async def everything(space: Space) -> list[Memory]:
    return list(await space.list(limit=1000))


async def test_mem0(space: Space, tmp_path: Path) -> None:
    """Text, time, run and categories are fields; the rest is metadata, the user's beside mem0's."""
    read = await space.import_from(written(tmp_path / "all.json", MEM0))
    assert (read.created_count, read.rejected_count) == (2, 0)
    first, last = await everything(space)
    assert (first.content, first.kind, first.source) == ("Ada likes green tea", "semantic", "mem0")
    assert first.occurred_at == datetime(2026, 1, 22, 5, 57, 24, 142764, UTC)
    assert first.metadata == {
        "category": "drinks",
        "nested": {"a": 1},
        "mem0": {
            "id": "43665c5a-7975-4a9b-b665-3f490eafe788",
            "hash": "aedc07d0737c261c0eb356015a839c4b",
            "updated_at": "2026-01-22T05:57:24.295935+00:00",
            "user_id": "ada",
            "role": "user",
        },
    }
    assert (last.session, last.tags, last.occurred_at.hour) == ("run-7", ("notes",), 12)


async def test_a_collection_of_chroma(space: Space, tmp_path: Path) -> None:
    """Times that cannot be read stay in the metadata; texts are embedded anew."""
    read = await space.import_from(written(tmp_path / "notes.json", CHROMA))
    assert (read.created_count, read.rejected_count) == (3, 0)
    first, second, third = await everything(space)
    assert (first.content, first.source) == ("Ada met Babbage", "letters")
    assert first.metadata == {"ok": True, "page": 3, "source": "letters", "chroma": {"id": "a"}}
    assert second.occurred_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert (second.session, second.source) == ("s", "chroma")
    assert third.tags == ("x", "y")
    assert (await space.stats()).dimensions == 256


async def test_the_database_of_chroma(space: Space, tmp_path: Path) -> None:
    """Its directory is as good; what has no text is told and kept."""
    (tmp_path / "chroma").mkdir()
    database(tmp_path / "chroma" / "chroma.sqlite3")
    kept, seen = tmp_path / "kept.ndjson", []
    read = await space.import_from(
        tmp_path / "chroma", rejected=kept, progress=lambda *counts: seen.append(counts)
    )
    assert (read.created_count, seen) == (2, [(3, 3)])
    ((number, reason, place),) = [(x.number, x.reason, x.place) for x in read.rejected]
    assert (number, reason, place) == (3, "has no document", "record 3")
    assert json.loads(kept.read_text("utf-8"))["metadata"] == {"only": "vector"}
    first, second = await everything(space)
    assert first.metadata is not None
    assert first.metadata["chroma"] == {"id": "a", "collection": "notes"}
    assert (first.metadata["ok"], first.metadata["page"], first.metadata["x"]) == (True, 3, 1.5)
    assert first.occurred_at == datetime(2026, 1, 22, 6, 1, 18, tzinfo=UTC)
    assert (second.occurred_at.year, second.tags) == (2024, ("x", "y"))
    assert second.source == "chroma:notes"
    with closing(sqlite3.connect(tmp_path / "other.sqlite3")) as other, other:
        other.execute("CREATE TABLE t (a)")
    with pytest.raises(InvalidRequest, match="is no database of Chroma"):
        await space.import_from(tmp_path / "other.sqlite3")


async def test_vectors_are_taken_where_they_are_asked_for(space: Space, tmp_path: Path) -> None:
    """Then, and in a space that holds such; a wrong length is told."""
    path = written(tmp_path / "notes.json", CHROMA)
    assert (await space.import_from(path, embeddings=True)).created_count == 3
    (hit,) = (await space.recall(embedding=[0.0, 1.0, 0.5], limit=1)).recollections
    assert (hit.memory.content, round(hit.parts["similarity"], 6)) == ("Berlin is cold", 1.0)
    more = {"ids": ["n", "m"], "documents": ["new", None], "embeddings": [[1, 2, 3], [1, 2]]}
    read = await space.import_from(written(path, more), format="chroma")
    assert read.created_count == 1
    assert [each.reason for each in read.rejected] == [
        "embedding has 2 dimensions, the others have 3"
    ]


async def test_a_database_of_chroma_has_no_vectors_to_take(space: Space, tmp_path: Path) -> None:
    """It is refused whole, with the way that has them, and nothing is embedded instead."""
    path = database(tmp_path / "chroma.sqlite3")
    with pytest.raises(InvalidRequest, match=r"collection\.get\(include=.*'embeddings'\]\)"):
        await space.import_from(path, embeddings=True)
    assert (await space.list()).total == 0
    await space.remember("given", embedding=[1.0, 2.0, 3.0])
    with pytest.raises(InvalidRequest, match="into a space that embeds texts itself"):
        await space.import_from(path)
    assert (await space.list()).total == 1


async def test_chats_of_openai(space: Space, tmp_path: Path) -> None:
    """A memory a message, in order; what is no text is named, and nothing said twice is lost."""
    read = await space.import_from(written(tmp_path / "chat.jsonl", *CHAT))
    assert (read.created_count, read.known_count, read.rejected_count) == (6, 0, 0)
    found = await everything(space)
    assert [each.content for each in found] == [
        "Be kind.",
        "Weather?\n\n[image]",
        '[tool call get_weather] {"city": "Paris"}',
        "[tool result get_weather] 18 C",
        "yes",
        "yes",
    ]
    assert [each.session for each in found] == ["c1"] * 4 + ["chat.jsonl:2"] * 2
    assert [each.source for each in found] == ["chat.jsonl"] * 5 + ["chat.jsonl#2.2"]
    assert {each.occurred_at for each in found[:4]} == {datetime(2024, 5, 1, 10, tzinfo=UTC)}
    assert found[1].metadata == {
        "topic": "trip",
        "chat": {"role": "user", "name": "ada", "message": 2},
    }
    assert [(each.metadata or {})["chat"]["role"] for each in found[4:]] == ["user", "assistant"]


async def test_chats_of_anthropic(space: Space, tmp_path: Path) -> None:
    """System prompt, blocks and lines that are one message."""
    alone = {"role": "user", "content": "Later.", "id": "m1", "conversation_id": "c9"}
    await space.import_from(written(tmp_path / "chat.jsonl", BLOCKS, alone))
    found = await everything(space)
    assert [each.content for each in found] == [
        "Be brief.",
        "Add.",
        '[thinking] One and one.\n\n[tool call add] {"a":1}',
        "[tool error add] no b",
        "Later.",
    ]
    assert [each.session for each in found] == ["req-1"] * 4 + ["c9"]
    assert found[4].metadata == {"chat": {"role": "user", "id": "m1"}}


@pytest.mark.parametrize("indent", [None, 1])
async def test_a_chat_may_be_one_document(space: Space, tmp_path: Path, indent: int | None) -> None:
    """The messages alone, a conversation, or a list of them."""
    path = tmp_path / "chat.json"
    for value, sessions in (
        (CHAT[1]["messages"], {"chat.json:1": 2}),
        (CHAT[0], {"chat.json:1": 2, "c1": 4}),
        ([*CHAT, 7], {"chat.json:1": 2, "c1": 4, "chat.json:2": 2}),
    ):
        path.write_text(json.dumps(value, indent=indent), "utf-8")
        read = await space.import_from(path)
        assert Counter(each.session for each in await everything(space)) == sessions
    assert [(each.place, each.reason) for each in read.rejected] == [
        ("conversation 3", "not a conversation")
    ]


async def test_a_chat_goes_on_after_a_broken_first_line(space: Space, tmp_path: Path) -> None:
    path = written(tmp_path / "chat.jsonl", *CHAT)
    path.write_bytes(b"{broken}\n" + path.read_bytes())
    read = await space.import_from(path, format="openai-chat")
    assert (read.created_count, [each.number for each in read.rejected]) == (6, [1])


async def test_markdown(space: Space, tmp_path: Path) -> None:
    """A memory a section, below the path of its headings; a heading alone leads to others."""
    folder = notes(tmp_path / "notes")
    os.utime(folder / "sub" / "b.md", (1_700_000_000, 1_700_000_000))
    read = await space.import_from(folder)
    found = await everything(space)
    assert (read.created_count, read.rejected_count) == (6, 0)
    assert [(each.source, each.content) for each in found] == [
        ("a.md", "Kitchen\n\nIntro."),
        ("a.md", "Kitchen > Tea > Green\n\nThree minutes.\n\n```sh\n# no heading\n```"),
        ("a.md", "Kitchen > Tea > Oolong\n\n- Five.\n---"),
        ("a.md", "Kitchen > Last"),
        ("sub/b.md", "alone"),
        ("sub/b.md", "X\n\ny"),
    ]
    assert found[0].occurred_at == datetime(2024, 3, 1, tzinfo=UTC)
    assert found[5].occurred_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert found[1].tags == ("home", "tea")
    assert found[1].metadata == {
        "title": "Kitchen",
        "date": "2024-03-01",
        "tags": ["home", "#tea"],
        "markdown": {"headings": ["Kitchen", "Tea", "Green"], "line": 10},
    }


async def test_notes_that_were_only_touched_are_there(space: Space, tmp_path: Path) -> None:
    """A changed section is another memory; the time of a file tells nothing."""
    folder = notes(tmp_path / "notes")
    await space.import_from(folder)
    (folder / "sub" / "b.md").write_text("alone\n\n# X\nz\n", "utf-8")
    os.utime(folder / "sub" / "b.md", (1_800_000_000, 1_800_000_000))
    read = await space.import_from(folder)
    assert (read.created_count, read.known_count) == (1, 5)


async def test_a_section_that_is_too_long_becomes_several(space: Space, tmp_path: Path) -> None:
    """Cut between paragraphs; one that is too long by itself is told."""
    half = "w " * 30_000
    (tmp_path / "long.md").write_text(f"# A\n{half}\n\n{half}\n\n# B\n{half}{half}\n", "utf-8")
    read = await space.import_from(tmp_path / "long.md")
    assert read.created_count == 2
    parts = [(each.metadata or {})["markdown"]["part"] for each in await everything(space)]
    assert parts == [1, 2]
    assert [each.place for each in read.rejected] == ["long.md line 6"]


@pytest.mark.parametrize("name", SOURCES)
async def test_what_was_stopped_is_gone_on_with(
    space: Space, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a third run stores nothing, also when the answer to the request is forgotten."""
    path = SOURCES[name](tmp_path / name)
    monkeypatch.setattr(records, "LINES_COUNT_MAX", 1)

    def stop(_: int, __: int) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await space.import_from(path, progress=stop)
    assert len(await everything(space)) == 1
    monkeypatch.undo()
    read = await space.import_from(path)
    assert read.known_count == 1
    found = await everything(space)
    assert len(found) == 1 + read.created_count > 1
    lsn = (await space.stats()).lsn
    monkeypatch.setattr(records, "LINES_COUNT_MAX", 3)  # other requests, with other keys
    again = await space.import_from(path)
    assert (again.created_count, again.known_count) == (0, len(found))
    assert (await space.stats()).lsn == lsn
    assert {each.seen_count for each in found} == {1}


async def test_what_is_broken_is_told_and_the_rest_goes_on(space: Space, tmp_path: Path) -> None:
    """With its place; what was read is kept in the fields of a memory, the rest as it stands."""
    kept = tmp_path / "kept.ndjson"
    path = tmp_path / "in.json"
    good = MEM0["results"][0]
    bad = [
        {**good, "created_at": "then"},
        {**good, "memory": None},
        {**good, "metadata": [1]},
        {**good, "metadata": {"mem0": 1}},
        {**good, "categories": "x" * 300, "memory": "y"},
        7,
        {**good, "memory": "z" * 200_000},
    ]
    read = await space.import_from(written(path, {"results": [good, *bad]}), rejected=kept)
    assert [(each.place, each.reason.split(", ov")[0]) for each in read.rejected] == [
        ("record 2", "created_at 'then' is not a time"),
        ("record 3", "memory is missing, not text"),
        ("record 4", "metadata is list, not an object"),
        ("record 5", "metadata has a field 'mem0' of its own, which has to be free"),
        ("record 7", "not an object, but int"),
        ("record 8", "content has 200,000 bytes of UTF-8"),
    ]
    assert (read.created_count, len(kept.read_bytes().splitlines())) == (2, 6)
    last = json.loads(kept.read_bytes().splitlines()[-1]) | {"content": "mended"}
    mended = await space.import_from(io.BytesIO(json.dumps(last).encode()), format="ndjson")
    assert mended.created_count == 1


async def test_broken_messages_and_notes_are_told(space: Space, tmp_path: Path) -> None:
    """A message by its number in the line, a file of a folder by its name."""
    chat, kept = written(tmp_path / "chat.jsonl", *CHAT), tmp_path / "kept.ndjson"
    lines = [
        b"{]",
        b'{"messages": 1, "role": "user"}',
        json.dumps(
            {
                "messages": [
                    {"content": "x"},
                    {"role": "user", "content": [{"type": "hologram"}]},
                    {"role": "assistant", "tool_calls": [{}]},
                    {"role": "user", "content": "good"},
                ]
            }
        ).encode(),
    ]
    chat.write_bytes(chat.read_bytes() + b"\n".join(lines))
    read = await space.import_from(chat, rejected=kept)
    assert read.created_count == 7
    assert [(each.number, each.place, each.reason.split(":")[0]) for each in read.rejected] == [
        (3, "", "not JSON"),
        (4, "", "has no messages, and is none with a role"),
        (5, "line 5, message 1", "a message is an object with a role"),
        (5, "line 5, message 2", "a part of the content has the unknown type 'hologram'"),
        (5, "line 5, message 3", "a tool call names no function"),
    ]
    folder = notes(tmp_path / "notes")
    (folder / "bad.md").write_bytes(b"---\n[\n---\nx")
    (folder / "binary.md").write_bytes(b"\xff")
    (folder / "rules.md").write_text("---\nBetween rules.\n---\n", "utf-8")
    (folder / "empty.md").write_text("---\n---\n---\n", "utf-8")
    read = await space.import_from(folder, rejected=kept)
    assert read.created_count == 8
    assert [each.place for each in read.rejected] == ["bad.md line 1", "binary.md line 1"]
    assert [each.reason.split(":")[0] for each in read.rejected] == [
        "its front matter is not YAML",
        "not UTF-8",
    ]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.json", b'{"results": [', "a.json holds nothing that tells its format"),
        ("a.json", b'{"a": 1}', "a.json holds nothing that tells its format"),
        ("a.json", b'{"ids": ["x"], "documents": []}', "1 ids, but 0 documents"),
        ("a.json", None, "cannot be imported: No such file"),
        ("a.md", None, "cannot be imported: No such file"),
        ("a.sqlite3", None, "cannot be imported: No such file"),
        ("a.sqlite3", b"SQLite format 3\x00", "is no database of Chroma that can be read"),
    ],
)
async def test_a_file_that_is_none_is_refused(
    space: Space, tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidRequest) as found:
        await space.import_from(tmp_path / name)
    assert said in str(found.value)


async def test_a_folder_without_notes_is_refused(space: Space, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match=r"has no file that ends with \.md or \.markdown"):
        await space.import_from(tmp_path / "empty")


async def test_pages_of_an_export_stand_one_a_line(space: Space, tmp_path: Path) -> None:
    """A broken page is told; streams say their format."""
    path = written(tmp_path / "pages.jsonl", CHROMA, {"ids": ["z"], "documents": ["more"]})
    path.write_bytes(path.read_bytes() + b'{"ids": []\n')
    read = await space.import_from(path)
    assert (read.created_count, [each.place for each in read.rejected]) == (4, ["line 3"])
    for kind, data in (
        ("mem0", json.dumps(MEM0, indent=1)),
        ("mem0", json.dumps(MEM0["results"])),
        ("mem0", "\n".join(map(json.dumps, MEM0["results"]))),
    ):
        read = await space.import_from(io.BytesIO(data.encode()), format=kind)
        assert read.created_count + read.known_count == 2
    with pytest.raises(InvalidRequest, match="not from a stream"):
        await space.import_from(io.BytesIO(b"# A"), format="markdown")


async def test_tables_name_their_columns_as_others_do(space: Space, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(
        "Text,Timestamp, session_id,source,tag\nA,2024-05-01 10:00,s,web,a;b\n", "utf-8"
    )
    await space.import_from(tmp_path / "in.csv")
    (found,) = await everything(space)
    assert (found.content, found.session, found.source, found.tags) == ("A", "s", "web", ("a", "b"))
    assert found.occurred_at == datetime(2024, 5, 1, 10, tzinfo=UTC)
    (tmp_path / "in.csv").write_text("text,content\na,b\n", "utf-8")
    with pytest.raises(InvalidRequest, match="one twice"):
        await space.import_from(tmp_path / "in.csv")
