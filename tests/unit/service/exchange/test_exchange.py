"""What goes out of one space comes into another; what is no memory is told and kept."""

from __future__ import annotations

import io
import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import engram
from engram.model.errors import InvalidRequest
from engram.model.memory import Memory
from engram.service.exchange import text_files
from engram.service.space import Space

pytestmark = pytest.mark.anyio
FORMATS = ("ndjson", "csv", "parquet")
YEAR = datetime(1833, 6, 5, 12, 30, 0, 123456, tzinfo=UTC)
NASTY = 'a "quoted", text;\nwith\r\nlines,\tand \u2028 \U0001f600 =1+1 \x00 \\n'


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[engram.Engram, engram.Engram]]:
    async with (
        engram.open(tmp_path / "one", kernels="numpy") as one,
        engram.open(tmp_path / "two", kernels="numpy") as two,
    ):
        yield one, two


async def filled(space: Space) -> list[str]:
    """Remember one of everything."""
    first = await space.remember(
        NASTY, tags=["b", "a;b"], confidence=0.25, kind="semantic", occurred_at=YEAR,
        source="letters", session="s", metadata={"page": 3, "nested": {"x": [1, None]}},
        entities=["Ada", "Babbage"], priority=9, expires_at=datetime(2199, 1, 1, tzinfo=UTC),
        episode={"what": "met", "who": ["Ada", "Mary"], "where": "London"},
        confidence_reason="seen", fact_key="ada.met", fact_value="Babbage",
    )  # fmt: skip
    second = await space.remember("plain")
    third = await space.remember("hidden", tags=["x"])
    expired = await space.remember("gone", expires_at=datetime(1990, 1, 1, tzinfo=UTC))
    await space.forget(third.id, mode="suppress")
    await space.associate(first.id, second.id, "causal", weight=0.7, confidence=0.5, why="so")
    await space.associate(second.id, first.id, "spatial")
    return [first.id, second.id, third.id, expired.id]


def said(memory: Memory) -> dict[str, Any]:
    """Return what a memory says, without what the space settles by itself."""
    names = (
        "content", "kind", "confidence", "occurred_at", "tags", "source", "session", "metadata",
        "entities", "priority", "expires_at", "episode", "confidence_reason", "fact_key",
        "fact_value", "suppressed",
    )  # fmt: skip
    return {name: getattr(memory, name) for name in names}


async def everything(space: Space) -> list[Memory]:
    return list(await space.list(limit=1000, include_suppressed=True, include_expired=True))


@pytest.mark.parametrize("kind", FORMATS)
async def test_all_that_is_carried_arrives(
    stores: tuple[engram.Engram, engram.Engram], tmp_path: Path, kind: str
) -> None:
    one, two = [await store.space("default") for store in stores]
    ids = await filled(one)
    path = tmp_path / f"out.{kind}"
    written = await one.export_to(path)
    assert (written.memories_count, written.associations_count) == (4, 2)
    assert written.bytes_count == path.stat().st_size
    read = await two.import_from(path)
    assert (read.created_count, read.known_count, read.rejected_count) == (4, 0, 0)
    assert (read.associations_count, read.dangling_count) == (2, 0)
    before, after = await everything(one), await everything(two)
    assert [said(each) for each in after] == [said(each) for each in before]
    assert [each.id for each in before] == ids
    (edge,) = [each for each in await two.associations(after[0].id) if not each.automatic]
    assert (edge.target_id, edge.kind, edge.why) == (after[1].id, "causal", "so")
    assert (round(edge.weight, 6), edge.confidence) == (0.7, 0.5)
    assert not [each for each in os.listdir(tmp_path) if ".part" in each]  # noqa: PTH208 - quick


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_second_run_stores_nothing(
    stores: tuple[engram.Engram, engram.Engram], tmp_path: Path, kind: str
) -> None:
    """Neither into another space nor into the one it came from."""
    one, two = [await store.space("default") for store in stores]
    await filled(one)
    path = tmp_path / f"out.{kind}"
    await one.export_to(path)
    await two.import_from(path)
    for space in (one, two):
        lsn = (await space.stats()).lsn
        again = await space.import_from(path)
        assert (again.created_count, again.known_count, again.associations_count) == (0, 4, 0)
        assert (await space.stats()).lsn == lsn
        assert len(await everything(space)) == 4


@pytest.mark.parametrize("kind", FORMATS)
async def test_vectors_that_were_given_are_carried(
    stores: tuple[engram.Engram, engram.Engram], tmp_path: Path, kind: str
) -> None:
    """Those an embedder made are made again."""
    one, two = [await store.space("given") for store in stores]
    await one.remember_many(
        [{"content": "a"}, {"content": ""}], embeddings=[[0.1, 0.2, -3.0], [1e-7, 1.0, 2.0]]
    )
    path = tmp_path / f"out.{kind}"
    await one.export_to(path)
    await two.import_from(path)
    (hit,) = (await two.recall(embedding=[1e-7, 1.0, 2.0], limit=1)).recollections
    assert (hit.memory.content, round(hit.parts["similarity"], 6)) == ("", 1.0)
    made = await stores[0].space("made")
    await made.remember("a text")
    await made.export_to(path)
    await (await stores[1].space("made")).import_from(path)
    assert (await (await stores[1].space("made")).stats()).with_vectors == 1
    out = io.BytesIO()
    await made.export_to(out, format="ndjson")
    assert b"embedding" not in out.getvalue()


BAD_NDJSON = b"""{"content": "one"}

{"content": }
[1]
{"content": "two", "colour": "red"}
{"content": "three", "occurred_at": "yesterday", "priority": 11}
{"content": "\xff"}
{"content": "four", "embedding": [1, 2]}
{"content": "five", "tags": "x", "suppressed": 1}
{"content": "six", "associations": [{"target_id": "a"}]}
{"content": "seven", "id": "a", "associations": [{"target_id": "a", "weight": 7}]}
{"content": "last"}"""


async def test_bad_lines_are_told_and_kept(
    stores: tuple[engram.Engram, engram.Engram], tmp_path: Path
) -> None:
    """As they are, so that they can be mended and imported by themselves."""
    space = await stores[0].space("default")
    await space.remember("here before")
    (tmp_path / "in.ndjson").write_bytes(BAD_NDJSON)
    rejected = tmp_path / "rejected.ndjson"
    read = await space.import_from(tmp_path / "in.ndjson", rejected=rejected)
    assert (read.created_count, read.rejected_count) == (2, 9)
    assert [each.number for each in read.rejected] == [*range(3, 12)]
    reasons = [each.reason for each in read.rejected]
    for reason, beginning in zip(
        reasons,
        (
            "not JSON: JSON is malformed", "not an object", "unknown field 'colour'",
            "occurred_at 'yesterday' is not a time", "not JSON: 'utf-8' codec",
            "embedding has 2 dimensions, the others have 256", "suppressed is int, not bool",
            "associations need an id", "weight 7 is not a number",
        ),
        strict=True,
    ):  # fmt: skip
        assert reason.startswith(beginning)
    lines = BAD_NDJSON.splitlines(keepends=True)
    assert rejected.read_bytes() == b"".join(lines[2:11])
    (tmp_path / "in.ndjson").write_bytes(b'{"content": "one"}\n')
    await space.import_from(tmp_path / "in.ndjson", rejected=rejected)
    assert not rejected.exists()


async def test_bad_rows_of_a_table_are_told_and_kept(
    stores: tuple[engram.Engram, engram.Engram], tmp_path: Path
) -> None:
    """Numbers are those of lines, and the header stands above what is kept."""
    space = await stores[0].space("default")
    head = b"\xef\xbb\xbfcontent,tags,priority,metadata\r\n"
    bad = [b'"x ""y""",a,high,\r\n', b"too,few\r\n", b"\xff,,,\r\n", b"z,,,{]\r\n"]
    (tmp_path / "in.csv").write_bytes(
        head + b'"two\nlines",red; blue,3,"{""a"": 1}"\r\n' + b"".join(bad) + b'ok,"[""c,d""]",,'
    )
    rejected = tmp_path / "rejected.csv"
    read = await space.import_from(tmp_path / "in.csv", rejected=rejected)
    assert [each.number for each in read.rejected] == [4, 5, 6, 7]
    assert "2 cells under 4 columns" in read.rejected[1].reason
    first, last = await everything(space)
    assert (first.content, first.tags, first.priority) == ("two\nlines", ("red", "blue"), 3)
    assert (first.metadata, last.tags) == ({"a": 1}, ("c,d",))
    assert rejected.read_bytes() == head + b"".join(bad)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"content,colour\n", "unknown column 'colour'; there are id, content,"),
        ("a.csv", b"content,content\n", "no columns, or one twice"),
        ("a.csv", b"", "no columns, or one twice"),
        ("a.parquet", b"content\n", "that is no Parquet file"),
        ("a.txt", b"", "a.txt ends with none of .ndjson, .jsonl, .csv, .parquet"),
        ("b.csv", None, "b.csv cannot be imported: No such file"),
    ],
)
async def test_a_file_that_is_none_is_refused(
    stores: tuple[engram.Engram, engram.Engram],
    tmp_path: Path,
    name: str,
    data: bytes | None,
    said: str,
) -> None:
    space = await stores[0].space("default")
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InvalidRequest) as found:
        await space.import_from(tmp_path / name)
    assert said in str(found.value)
    with pytest.raises(InvalidRequest, match="'xml' is none of ndjson, csv, parquet"):
        await space.import_from(tmp_path / name, format="xml")


async def test_what_comes_home_is_there(
    stores: tuple[engram.Engram, engram.Engram],
) -> None:
    """Under other ids, and however long ago it went; the same text of another time is another."""
    one, two = [await store.space("default") for store in stores]
    await filled(one)
    out, back = io.BytesIO(), io.BytesIO()
    await one.export_to(out, format="ndjson")
    await two.import_from(io.BytesIO(out.getvalue()), format="ndjson")
    await two.export_to(back, format="ndjson")
    lsn = (await one.stats()).lsn
    read = await one.import_from(io.BytesIO(back.getvalue()), format="ndjson")
    assert (read.created_count, read.known_count, read.associations_count) == (0, 4, 0)
    assert (await one.stats()).lsn == lsn
    for change in (
        {"occurred_at": "1999-01-01T00:00:00Z"},
        {"session": "other"},
        {"source": "x"},
    ):
        line = json.loads(back.getvalue().splitlines()[1]) | change
        data = json.dumps(line).encode()
        assert (await one.import_from(io.BytesIO(data), format="ndjson")).created_count == 1


async def test_what_leads_out_of_the_file_is_counted(
    stores: tuple[engram.Engram, engram.Engram],
) -> None:
    one, two = [await store.space("default") for store in stores]
    ids = await filled(one)
    out = io.BytesIO()
    written = await one.export_to(out, format="ndjson", kinds=["semantic"])
    assert (written.memories_count, written.bytes_count) == (1, len(out.getvalue()))
    assert ids[0].encode() in out.getvalue()
    read = await two.import_from(io.BytesIO(out.getvalue()), format="ndjson")
    assert (read.created_count, read.associations_count, read.dangling_count) == (1, 0, 1)


async def test_concepts_that_were_formed_stay_behind(
    stores: tuple[engram.Engram, engram.Engram],
) -> None:
    space = await stores[0].space("default")
    texts = [f"the boat {verb} on the calm lake" for verb in ("lies", "rests", "drifts", "sails")]
    await space.remember_many(texts)
    await space.consolidate()
    out = io.BytesIO()
    written = await space.export_to(out, format="ndjson")
    assert written.memories_count == 4
    assert len(await everything(space)) > 4


async def test_a_file_is_not_taken_for_its_own_rejected_lines(
    stores: tuple[engram.Engram, engram.Engram], tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_text("content\na\n", "utf-8")
    space = await stores[0].space("default")
    with pytest.raises(InvalidRequest, match="let rejected lines go elsewhere"):
        await space.import_from(tmp_path / "in.csv", rejected=tmp_path / "." / "in.csv")
    assert (tmp_path / "in.csv").read_text("utf-8") == "content\na\n"


async def test_a_line_that_is_too_long_is_rejected(
    stores: tuple[engram.Engram, engram.Engram], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "LINE_BYTES_MAX", 40)
    long = json.dumps({"content": "x" * 100}).encode() + b"\n"
    data = b'{"content": "a"}\n' + long + b'{"content": "b"}\n'
    space = await stores[0].space("default")
    read = await space.import_from(io.BytesIO(data), format="ndjson")
    assert (read.created_count, [each.number for each in read.rejected]) == (2, [2])


async def test_answers_in_json_can_be_imported(
    stores: tuple[engram.Engram, engram.Engram],
) -> None:
    """What the space settles by itself may stand in a line, and is not taken."""
    line = {"content": "a", "space": "x", "seen_count": 7, "retrievability": 0.5, "episode": None}
    space = await stores[0].space("default")
    read = await space.import_from(io.BytesIO(json.dumps(line).encode()), format="ndjson")
    assert read.created_count == 1
    assert (await everything(space))[0].seen_count == 1
