"""What hosts are told is in the form that each of them reads, and starts this very program."""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pytest
from mcp import Client, StdioServerParameters

from engram.edges.cli.hosts import HOSTS, HostName

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

KEYS = {
    "claude-desktop": "mcpServers",
    "cursor": "mcpServers",
    "vscode": "servers",
    "zed": "context_servers",
}
URL = "http://127.0.0.1:7433/mcp"


def test_every_host_that_may_be_named_is_known() -> None:
    assert set(HOSTS) == set(get_args(HostName))


@pytest.mark.parametrize("host", KEYS)
def test_hosts_with_json_are_told_a_command_or_a_url(cli: CommandLine, host: str) -> None:
    answer = cli("mcp", "install", host, "--space", "notes")
    started = json.loads(answer.out)[KEYS[host]]["engram"]
    assert started["command"] == sys.executable
    words = ["-m", "engram", "mcp", "--data", str(cli.path.absolute()), "--space", "notes"]
    assert started["args"] == words
    assert started.get("type") == ("stdio" if host == "vscode" else None)
    told = json.loads(cli("mcp", "install", host, "--url", URL).out)[KEYS[host]]["engram"]
    assert URL in (told.get("url"), *told.get("args", ()))


def test_codex_is_told_in_toml(cli: CommandLine) -> None:
    told = tomllib.loads(cli("mcp", "install", "codex").out)["mcp_servers"]["engram"]
    assert told["command"] == sys.executable
    assert told["args"][:3] == ["-m", "engram", "mcp"]
    there = tomllib.loads(cli("mcp", "install", "codex", "--url", URL).out)
    assert there == {"mcp_servers": {"engram": {"url": URL}}}


def test_claude_code_is_told_by_a_command(cli: CommandLine) -> None:
    words = shlex.split(cli("mcp", "install", "claude-code").out)
    assert words[:5] == ["claude", "mcp", "add", "engram", "--"]
    assert words[5] == sys.executable
    there = shlex.split(cli("mcp", "install", "claude-code", "--url", URL).out)
    assert there == ["claude", "mcp", "add", "--transport", "http", "engram", URL]


def test_an_unknown_host_is_a_mistake_of_the_command_line(cli: CommandLine) -> None:
    assert cli("mcp", "install", "notepad").code == 2


@pytest.mark.anyio
async def test_what_is_printed_starts_a_server(cli: CommandLine) -> None:
    """The test of the text is the program that it starts."""
    told = json.loads(cli("mcp", "install", "cursor", "--json").out)
    started = json.loads(told["configuration"])["mcpServers"]["engram"]
    launch = StdioServerParameters(
        command=started["command"], args=started["args"], env={"ENGRAM_EMBEDDER": "none"}
    )
    async with Client(launch) as client:
        assert not (await client.call_tool("stats", {})).is_error


def test_the_place_that_the_environment_names_is_written_out(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A host is not started in this terminal: its environment names another store."""
    for name, value in (("DATA_ROOT", "kept"), ("MEMORY_SPACE", "notes"), ("CONFIG", "off")):
        monkeypatch.setenv(f"ENGRAM_{name}", value)
    monkeypatch.chdir(tmp_path)
    answer = cli("mcp", "install", "cursor", elsewhere=True)
    words = json.loads(answer.out)["mcpServers"]["engram"]["args"]
    place = ["--data", str(tmp_path / "kept"), "--config", "off", "--space", "notes"]
    assert words == ["-m", "engram", "mcp", *place]
    wrong = cli("mcp", "install", "cursor", "--space", "My Notes")
    assert (wrong.code, "a-z0-9_-" in wrong.err) == (1, True)


def test_without_the_sdk_it_is_said_what_to_install_first(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the host alone would see that what it starts ends at once."""
    assert "pip install" not in cli("mcp", "install", "cursor").err
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    answer = cli("mcp", "install", "cursor")
    assert "pip install 'engram-memory-engine[mcp]'" in answer.err
    assert json.loads(answer.out)["mcpServers"]
    assert "pip install" not in cli("mcp", "install", "cursor", "--url", URL).err
