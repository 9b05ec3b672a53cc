"""Commands beside a server of the same store: they ask it, and answer as they do without one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.edges.conftest import Answer, CommandLine

# What two runs never share; accesses are counted in batches, when a store closes at the latest.
_OWN = {"lsn", "id", "recorded_at", "occurred_at", "last_access_at", "timings_us", "cursor"}
_OWN |= {"access_count", "bytes_written", "bytes_shared", "request_id"}


@contextmanager
def served(cli: CommandLine) -> Iterator[dict[str, Any]]:
    """Let a server have the store until the block is left."""
    said: dict[str, Any] = cli("start", "--detach", "--port", "0", "--json").json
    try:
        yield said
    finally:
        os.waitpid(cli("stop", "--json").json["pid"], 0)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an embedder, which takes seconds to load."""
    monkeypatch.setenv("ENGRAM_EMBEDDER", "none")


def everyday(cli: CommandLine) -> list[Answer]:
    """Return the answers to what people type, good and bad."""
    made = cli("remember", "the kettle is blue", "--tag", "kitchen", "--space", "notes", "--json")
    other = cli("remember", "the cat is black", "--tag", "pets", "--space", "notes", "--json")
    first, second = made.json["id"], other.json["id"]

    def said(*words: str) -> Answer:
        return cli(*words, "--space", "notes", "--json")

    return [
        made,
        said("recall", "kettle"),
        said("recall", "kettle", "--tag", "pets"),
        said("get", first),
        said("list", "--limit", "1"),
        said("query", "RECALL 'kettle' LIMIT 1"),
        said("query", "RECAL"),
        said("associate", first, second),
        said("associations", first),
        said("paths", first, second),
        said("feedback", first, "useful"),
        said("update", first, "--text", "the kettle is red"),
        said("history", first),
        said("forget", first, second),
        said("forget", second),
        said("recognize", "kettle"),
        said("consolidate"),
        said("contradictions"),
        said("space", "configure", "--forgetting", "power", "--beta", "0.5"),
        said("space", "configure", "--forgetting", "nonsense"),
        said("space", "show"),
        said("reembed"),
        said("checkpoint"),
        cli("checkpoint", "--space", "nowhere", "--json"),
        cli("verify", "--space", "nowhere", "--json"),
        cli("stats", "--space", "nowhere", "--json"),
        cli("recall", "x", "--space", "nowhere", "--json"),
        cli("get", "no-id", "--json"),
        cli("space", "create", "other", "--json"),
        cli("space", "create", "other", "--json"),
        cli("space", "list", "--json"),
        cli("space", "delete", "other", "--yes", "--json"),
        cli("space", "delete", "default", "--yes", "--json"),
    ]


def _compared(value: Any) -> Any:
    """Return an answer without what two runs never share: ids, times, numbers of records."""
    if isinstance(value, dict):
        return {name: _compared(each) for name, each in value.items() if name not in _OWN}
    if isinstance(value, list):
        return [_compared(each) for each in value]
    is_id = isinstance(value, str) and len(value) > 30
    return "..." if is_id or isinstance(value, float) else value


def test_commands_answer_as_they_do_without_a_server(
    cli: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same codes, the same JSON, the same errors; and all of it is in the store afterwards."""
    alone, left = everyday(cli), cli("list", "--space", "notes", "--json").json["memories"]
    cli.path = tmp_path_factory.mktemp("served") / "store"
    with served(cli):
        asked = everyday(cli)
    for one, other in zip(alone, asked, strict=True):
        assert (other.code, _compared(other.json)) == (one.code, _compared(one.json))
    (kept,) = cli("list", "--space", "notes", "--json").json["memories"]
    assert [kept["content"]] == [each["content"] for each in left] == ["the kettle is red"]


def test_a_store_is_looked_after_beside_its_server(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verified, measured, backed up, restored and talked to; what belongs to nobody says so."""
    with served(cli):
        for space in ("default", "notes", "third"):
            cli("remember", f"the kettle of {space}", "--space", space)
        verified = cli("verify", "--json")
        assert verified.json["sound"] is True
        assert [each["space"] for each in verified.json["spaces"]] == ["default", "notes", "third"]
        assert all(len(each["digest"]) == 64 for each in verified.json["spaces"])
        assert "All is well." in cli("verify", "--space", "notes").out
        stats = cli("stats", "--json").json
        assert [each["memories"] for each in stats["spaces"]] == [1, 1, 1]
        assert stats["metrics"]['engram_memories{memory_space="notes"}'] == 1
        assert "notes" in cli("stats").out
        checkpointed = cli("checkpoint", "--all", "--json").json
        assert [each["space"] for each in checkpointed] == ["default", "notes", "third"]
        for kind in ("ndjson", "csv"):
            file = tmp_path / f"notes.{kind}"
            done = cli("export", str(file), "--space", "notes", "--json").json
            assert (done["memories"], done["bytes"]) == (1, file.stat().st_size)
            with file.open("ab") as more:
                more.write(b"nonsense\n")
            came = cli("import", str(file), "--space", f"from-{kind}", "--json")
            assert (came.code, came.json["created"], came.json["rejected"]) == (1, 1, 1)
            assert b"nonsense" in Path(came.json["rejected_file"]).read_bytes()
        (tmp_path / "notes.md").write_text("# Tea\n\nis green")
        came = cli("import", str(tmp_path / "notes.md"), "--space", "from-csv", "--json")
        assert (came.code, came.json["created"]) == (0, 1)
        cli("space", "delete", "from-ndjson", "--yes")
        cli("space", "delete", "from-csv", "--yes")
        where = str(tmp_path / "kept")
        made = cli("backup", "create", where, "--space", "notes", "--space", "third", "--json")
        assert [each["id"] for each in made.json["spaces"]] == ["notes", "third"]
        restored = cli("restore", where, "--space", "notes", "--as", "again", "--json").json
        assert [(each["space"], each["memories"]) for each in restored] == [("again", 1)]
        asked = b"RECALL 'kettle' LIMIT 1;\n\\space third\nRECALL 'kettle' LIMIT 1;\n"
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(asked)))
        talked = cli("shell", "--space", "again")
        assert (talked.code, "of notes" in talked.out, "of third" in talked.out) == (0, True, True)
        drawn = f"\\graph {tmp_path / 'x.svg'} RECALL 'kettle'\n".encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(drawn)))
        assert "engram recall CUE --graph FILE" in cli("shell").err
        assert "open in another process" in cli("repair").err


def test_a_command_without_a_key_says_where_one_goes(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server lets nobody in without one."""
    monkeypatch.setenv("ENGRAM_ACCESS", "on")
    with served(cli):
        refused = cli("remember", "x")
        assert (refused.code, "UNAUTHORIZED" in refused.err) == (1, True)
        assert "ENGRAM_API_KEY" in refused.err
        key = cli("keys", "create", "bot", "--space", "default", "--json").json["key"]
        monkeypatch.setenv("ENGRAM_API_KEY", key)
        assert cli("remember", "x").code == 0
        assert "FORBIDDEN" in cli("list", "--space", "notes").err


@pytest.fixture
def launched(cli: CommandLine) -> Callable[..., subprocess.Popen[str]]:
    """Starts a command in a process of its own."""

    def launch(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "engram", *words, "--data", str(cli.path)]
        return subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return launch


def test_commands_and_servers_at_once_lose_nothing(
    cli: CommandLine, launched: Callable[..., subprocess.Popen[str]]
) -> None:
    """Each command is acknowledged or refused by name, in time; what was acknowledged is there."""
    words: list[tuple[str, ...]] = [("remember", f"note {number}") for number in range(8)]
    words[3:3] = [("start", "--detach", "--port", "0")] * 2
    begun = [launched(*each) for each in words]
    ended = [(each.communicate(timeout=60), each.returncode) for each in begun]
    acknowledged = 0
    for (command, *_), ((out, err), code) in zip(words, ended, strict=True):
        if code:
            assert "open in another process" in err, err
        else:
            acknowledged += command == "remember"
            assert "Remembered: " in out or "Engram serves" in out
    late = [launched("remember", f"late {number}") for number in range(4)]
    if cli("stop").code:
        # Both servers were refused: the commands had the store.
        assert not any("Engram serves" in out for (out, _), _ in ended)
    acknowledged += sum(not (each.communicate(timeout=60), each.returncode)[1] for each in late)
    assert cli("verify").code == 0
    assert cli("list", "--json").json["total"] == acknowledged
