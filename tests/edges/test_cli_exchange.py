"""`engram export` and `engram import`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest

from engram.edges.cli.exchange import Source
from engram.service.exchange.formats import READ

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


@pytest.fixture
def kettle(cli: CommandLine) -> str:
    """Remember three memories of two kinds; return the id of the first."""
    cli("remember", "one egg", "--kind", "semantic")
    cli("remember", "hidden egg")
    answer = cli("remember", "the kettle is blue", "--tag", "kitchen", "--json")
    return str(answer.json["id"])


@pytest.mark.parametrize("name", ["out.ndjson", "out.csv", "out.parquet"])
def test_what_is_exported_can_be_imported(
    cli: CommandLine, kettle: str, tmp_path: Path, name: str
) -> None:
    """Twice: the second time all of it is there."""
    cli("forget", kettle, "--suppress")
    file = str(tmp_path / name)
    written = cli("export", file)
    assert written.code == 0
    assert written.out.startswith("Exported 3 memories and 0 associations: ")
    first = cli("import", file, "--space", "copy")
    assert (first.code, first.err) == (0, "")
    assert first.out == (
        "Imported 3 memories and 0 associations into copy; 0 memories were there already\n"
    )
    again = cli("import", file, "--space", "copy", "--json").json
    assert (again["created"], again["known"]) == (0, 3)
    listed = cli("list", "--space", "copy", "--include-suppressed", "--json").json
    assert [each["content"] for each in listed["memories"]] == [
        "one egg", "hidden egg", "the kettle is blue",
    ]  # fmt: skip
    assert [each["suppressed"] for each in listed["memories"]] == [False, False, True]


def test_filters_choose_what_is_exported(cli: CommandLine, kettle: str, tmp_path: Path) -> None:
    file = tmp_path / "kitchen.ndjson"
    done = cli("export", str(file), "--tag", "kitchen", "--json").json
    assert done == {
        "file": str(file), "memories": 1, "associations": 0, "bytes": file.stat().st_size,
    }  # fmt: skip
    assert json.loads(file.read_text("utf-8"))["id"] == kettle


def test_bad_lines_are_told_kept_and_exit_with_1(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("content,priority\ngood,3\nbad,high\n", "utf-8")
    answer = cli("import", str(file))
    kept = tmp_path / "in.rejected.csv"
    assert answer.code == 1
    assert answer.out.startswith("Imported 1 memories")
    assert answer.err == (
        "line 3: priority 'high' is not a whole number from 1 to 10\n"
        f"1 lines are no memories; they are in {kept}: mend and import that file\n"
    )
    assert kept.read_text("utf-8") == "content,priority\nbad,high\n"
    kept.write_text("content,priority\nbad,4\n", "utf-8")
    mended = cli("import", str(kept), "--rejected", str(tmp_path / "x"), "--json")
    assert (mended.code, mended.json["created"], mended.json["rejected"]) == (0, 1, 0)
    assert not (tmp_path / "x").exists()


def test_lines_come_from_standard_input(cli: CommandLine, stdin: Callable[[bytes], None]) -> None:
    """NDJSON, unless something else is said."""
    stdin(b'{"content": "a"}\n')
    assert cli("import", "-", "--json").json["created"] == 1
    stdin(b"content\nb\n")
    assert cli("import", "-", "--format", "csv", "--json").json["created"] == 1


def test_export_prints_lines(cli: CommandLine, kettle: str) -> None:
    """Nothing else is on standard output."""
    answer = cli("export", "-", "--tag", "kitchen")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)["id"] == kettle


def test_what_cannot_be_read_is_one_sentence(cli: CommandLine, tmp_path: Path) -> None:
    answer = cli("import", str(tmp_path / "none.csv"))
    assert (answer.code, answer.err) == (
        1,
        f"INVALID_REQUEST: {tmp_path / 'none.csv'} cannot be imported: No such file or directory\n",
    )
    assert cli("export", str(tmp_path / "x.txt")).code == 1
    assert cli("export", str(tmp_path / "x.csv"), "--space", "none").code == 1


def test_exports_of_other_programs_are_imported(cli: CommandLine, tmp_path: Path) -> None:
    """By what stands in them; what is no memory is told with its place, beside a folder."""
    chat = tmp_path / "chat.jsonl"
    chat.write_text('{"id": "c", "messages": [{"role": "user", "content": "tea?"}]}\n', "utf-8")
    assert cli("import", str(chat), "--json").json["created"] == 1
    assert cli("import", str(chat), "--format", "anthropic-chat", "--json").json["known"] == 1
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# Tea\nThree minutes.\n", "utf-8")
    (tmp_path / "notes" / "b.md").write_bytes(b"\xff")
    answer = cli("import", str(tmp_path / "notes"))
    kept = tmp_path / "notes.rejected.ndjson"
    assert (answer.code, answer.out.split(" and ")[0]) == (1, "Imported 1 memories")
    assert answer.err.startswith("b.md line 1: not UTF-8\n")
    assert json.loads(kept.read_text("utf-8")) == {"source": "b.md"}
    listed = cli("list", "--json").json["memories"]
    assert [(each["content"], each["source"], each["session"]) for each in listed] == [
        ("tea?", "chat.jsonl", "c"), ("Tea\n\nThree minutes.", "a.md", None),
    ]  # fmt: skip


def test_vectors_are_taken_where_they_are_asked_for(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    file.write_text(
        json.dumps({"ids": ["a"], "documents": [None], "embeddings": [[1.0, 2.0]]}), "utf-8"
    )
    answer = cli("import", str(file), "--json").json
    assert (answer["created"], answer["reasons"][0]["place"]) == (0, "record 1")
    assert cli("import", str(file), "--embeddings", "--json").json["created"] == 1


def test_every_format_that_is_read_can_be_named() -> None:
    (choices,) = (get_args(each) for each in get_args(get_args(Source)[0]) if get_args(each))
    assert choices == READ
