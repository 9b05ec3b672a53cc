"""Configuration files and `engram config`, on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engram.settings import Settings

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def test_commands_read_the_file_that_is_named(cli: CommandLine, tmp_path: Path) -> None:
    """The space they work on stands in it; an option beats it."""
    file = tmp_path / "c.toml"
    file.write_text("[spaces]\ndefault = 'work'\n", "utf-8")
    first = cli("remember", "the kettle is blue", "--json", "--config", str(file))
    assert first.json["space"] == "work"
    assert cli("list", "--json", "--config", str(file)).json["total"] == 1
    assert cli("list", "--json", "--config", str(file), "--space", "default").json["total"] == 0


def test_options_of_every_command_may_stand_before_it(cli: CommandLine, tmp_path: Path) -> None:
    """Before one word of a command, or two; with `=` or without; help and errors as ever."""
    file = tmp_path / "c.toml"
    file.write_text("[spaces]\ndefault = 'work'\n", "utf-8")
    named = "--config", str(file)
    assert cli(*named, "--json", "remember", "the kettle is blue").json["space"] == "work"
    assert cli(f"--config={file}", "list", "--json").json["total"] == 1
    assert cli(*named, "--space", "default", "list", "--json").json["total"] == 0
    told = cli(*named, "--json", "config", "get", "spaces.default").json
    assert told["value"] == "work"
    assert cli("--data", str(tmp_path / "d"), "--json", "list", elsewhere=True).json["total"] == 0
    assert "Usage" in cli("--json", "list", "--help").out
    for wrong in (("--config",), (*named, "nonsense"), ("--space", "x", "doctor", "--wrong")):
        assert cli(*wrong).code == 2


def test_a_file_that_is_wrong_is_told_by_every_command(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("persistence:\n  hot_capcity: 5\n", "utf-8")
    monkeypatch.setenv("ENGRAM_CONFIG", str(file))
    for command in (("list",), ("status",), ("recall", "x"), ("doctor",)):
        answer = cli(*command)
        assert answer.code == 1
        assert answer.err == (
            f"INVALID_REQUEST: {file}:2: persistence.hot_capcity is no setting; did you mean "
            "persistence.hot_capacity?\n"
        )
    assert cli("list", "--config", "off").code == 0


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user's configuration file would be."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "engram" / "config.toml"


def test_list_tells_each_value_and_where_it_comes_from(
    cli: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.parent.mkdir()
    file.write_text("[persistence]\nhot_capacity = '7, work=9'\nmemory_budget = 536870912\n")
    monkeypatch.setenv("ENGRAM_HTTP_PORT", "80")
    found = {each["key"]: each for each in cli("config", "list", "--json").json}
    assert len(found) == len(Settings.__struct_fields__)
    assert found["persistence.hot_capacity"] == {
        "key": "persistence.hot_capacity", "variable": "ENGRAM_HOT_CAPACITY", "value": "7,work=9",
        "source": "file", "where": f"{file}:2",
    }  # fmt: skip
    told = {key: (each["value"], each["where"] or each["source"]) for key, each in found.items()}
    assert told["persistence.data_root"] == (str(cli.path), "argument")
    assert told["persistence.memory_budget"] == ("512MiB", f"{file}:3")
    assert told["http.port"] == ("80", "ENGRAM_HTTP_PORT")
    assert told["persistence.history_retention"] == ("7d", "default")
    assert told["kernels.arena_size"] == (None, "default")
    printed = cli("config", "list")
    assert "ENGRAM_HTTP_PORT" in printed.out
    assert "persistence.hot_capacity" in printed.out


def test_no_secret_is_shown(cli: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir()
    secret = "0123456789" * 4
    file.write_text(
        f"[access]\njwt_secret = '{secret}'\n[embedder]\nurl = 'https://me:hunter2@host/v1'\n"
    )
    monkeypatch.setenv("ENGRAM_API_KEY", "hunter3")
    for arguments in (("list",), ("list", "--json"), ("get", "api_key"), ("get", "jwt_secret")):
        answer = cli("config", *arguments)
        assert answer.code == 0
        assert "***" in answer.out
        assert not {"hunter2", "hunter3", secret} & set(answer.out.replace('"', " ").split())
        assert "hunter" not in answer.out + answer.err
        assert secret not in answer.out + answer.err
    assert cli("config", "get", "embedder.url").out == "https://***@host/v1\n"


def test_get_prints_the_value_alone(cli: CommandLine, file: Path) -> None:
    """So that a script can take it; where it comes from goes elsewhere."""
    answer = cli("config", "get", "ENGRAM_HTTP_PORT")
    assert answer == (0, "7432\n", "default\n")
    assert not file.exists()
    wrong = cli("config", "get", "http.prt")
    assert (wrong.code, wrong.err) == (
        1, "INVALID_REQUEST: 'http.prt' is no setting; did you mean http.port?\n",
    )  # fmt: skip


def test_set_makes_the_file_for_its_owner_alone(cli: CommandLine, file: Path) -> None:
    assert cli("config", "path") == (0, f"{file}\n", "default, not there yet\n")
    assert cli("config", "set", "http.port", "80").out == f"Set: http.port ({file})\n"
    assert cli("config", "set", "linker", "off").code == 0
    assert cli("config", "set", "data_root", "${HOME}/m").code == 0
    assert file.read_text() == (
        "[http]\nport = 80\n\n[background]\nlinker = false\n\n"
        '[persistence]\ndata_root = "${HOME}/m"\n'
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert cli("config", "get", "http.port").err == f"{file}:2\n"
    assert cli("config", "path", "--json").json == {
        "path": str(file), "exists": True, "chosen_by": "default",
    }  # fmt: skip


COMMENTED = """# about this machine
[persistence] # where it is
data_root = "/m"    # the large disk
hot_capacity = 5

# who may come in
[access]
enabled = true # always
"""


def test_set_leaves_the_rest_of_the_file_as_it_is(cli: CommandLine, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(COMMENTED)
    file.chmod(0o644)
    assert cli("config", "set", "persistence.data_root", "/n").code == 0
    assert file.read_text() == COMMENTED.replace('"/m"', '"/n"')
    assert cli("config", "set", "persistence.archive", "/a").code == 0
    assert cli("config", "set", "persistence.hot_capacity", "").out.startswith("Taken out: ")
    lines = file.read_text().splitlines()
    assert [line for line in COMMENTED.splitlines() if line not in lines] == [
        'data_root = "/m"    # the large disk', "hot_capacity = 5",
    ]  # fmt: skip
    assert cli("config", "get", "archive").out == "/a\n"
    assert file.stat().st_mode & 0o777 == 0o644
    said = cli("config", "set", "access.api_key", "hunter2")
    assert said.err == f"note: others can read {file}; `chmod 600` it\n"


def test_set_takes_a_secret_from_standard_input(
    cli: CommandLine, file: Path, stdin: Callable[[bytes], None]
) -> None:
    """So that it stays out of the history of a shell."""
    stdin(b"0123456789" * 4 + b"\n")
    assert cli("config", "set", "access.jwt_secret", "-").code == 0
    assert f'jwt_secret = "{"0123456789" * 4}"' in file.read_text()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("http.port", "99999", "http.port: '99999' is not a port from 0 to 65535"),
        ("background.linker", "perhaps", "background.linker: 'perhaps' is not one of on, off"),
        ("persistence.data_root", "${NOT_THERE}", "needs the variable NOT_THERE"),
        ("http.prt", "80", "did you mean http.port?"),
    ],
)
def test_set_refuses_what_the_file_may_not_say(
    cli: CommandLine, file: Path, key: str, value: str, said: str
) -> None:
    file.parent.mkdir()
    file.write_text(COMMENTED)
    answer = cli("config", "set", key, value)
    assert answer.code == 1
    assert said in answer.err
    assert file.read_text() == COMMENTED
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_set_mends_what_was_wrong(cli: CommandLine, file: Path) -> None:
    file.parent.mkdir()
    file.write_text("[http]\nport = 99999\n")
    assert cli("config", "list").code == 1
    assert cli("config", "set", "http.port", "80").code == 0
    assert cli("config", "list").code == 0


@pytest.mark.parametrize(
    "text", ["http.port = 1\n", "http = { port = 1 }\n", "[http]\nport=1\n[a]\n[http.b]\n"]
)
def test_set_writes_it_or_leaves_the_file_alone(cli: CommandLine, file: Path, text: str) -> None:
    """However the file is laid out."""
    file.parent.mkdir()
    file.write_text(text)
    answer = cli("config", "set", "http.host", "::1")
    if answer.code:
        assert "is no setting" in answer.err
        assert file.read_text() == text
    else:
        assert cli("config", "get", "http.host").out == "::1\n"
        assert cli("config", "get", "http.port").out == "1\n"


def test_set_tells_what_beats_the_file(
    cli: CommandLine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGRAM_HTTP_PORT", "81")
    answer = cli("config", "set", "http.port", "80", "--json")
    assert answer.json == {
        "key": "http.port", "path": str(file),
        "notes": ["ENGRAM_HTTP_PORT is set and beats the file"],
    }  # fmt: skip


def test_set_keeps_away_from_what_it_cannot_write(cli: CommandLine, tmp_path: Path) -> None:
    """YAML loses its comments when a program writes it."""
    (tmp_path / "c.yaml").write_text("http: {}\n")
    answer = cli("config", "set", "http.port", "80", "--config", str(tmp_path / "c.yaml"))
    assert answer.err.endswith("is not TOML; write http.port into it by hand\n")
    assert cli("config", "set", "http.port", "80", "--config", "off").code == 1
    new = tmp_path / "new" / "c.toml"
    assert cli("config", "set", "http.port", "80", "--config", str(new)).code == 0
    assert cli("config", "get", "http.port", "--config", str(new)).out == "80\n"


def test_a_link_to_a_file_stays_a_link(cli: CommandLine, file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    file.parent.mkdir()
    file.symlink_to(tmp_path / "mine.toml")
    assert cli("config", "set", "http.port", "80").code == 0
    assert file.is_symlink()
    assert (tmp_path / "mine.toml").read_text() == "[http]\nport = 80\n"
