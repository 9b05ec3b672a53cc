"""How the common hosts of MCP servers are told of one; docs/reference/mcp.md has the sources."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

HostName = Literal["claude-desktop", "claude-code", "cursor", "vscode", "zed", "codex"]
_NAME: Final = "engram"


class Launch(NamedTuple):
    """How a host starts the server."""

    command: str
    arguments: list[str]


class Host(NamedTuple):
    """One host: where it looks, and what is to stand there."""

    where: str
    told: Callable[[Launch, str | None], str]
    """Returns it, for a server that the host starts, or for one at a URL."""


def _indented(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _servers(launch: Launch, url: str | None) -> str:
    """Return what most hosts read."""
    started = {"command": launch.command, "args": launch.arguments}
    return _indented({"mcpServers": {_NAME: started if url is None else {"url": url}}})


def _claude_desktop(launch: Launch, url: str | None) -> str:
    if url is None:
        return _servers(launch, None)
    # Its file starts programs only; this one carries messages to a URL.
    started = {"command": "npx", "args": ["-y", "mcp-remote", url]}
    return _indented({"mcpServers": {_NAME: started}})


def _claude_code(launch: Launch, url: str | None) -> str:
    if url is None:
        return shlex.join(["claude", "mcp", "add", _NAME, "--", launch.command, *launch.arguments])
    return shlex.join(["claude", "mcp", "add", "--transport", "http", _NAME, url])


def _vscode(launch: Launch, url: str | None) -> str:
    started = {"type": "stdio", "command": launch.command, "args": launch.arguments}
    return _indented({"servers": {_NAME: started if url is None else {"type": "http", "url": url}}})


def _zed(launch: Launch, url: str | None) -> str:
    started = {"command": launch.command, "args": launch.arguments}
    return _indented({"context_servers": {_NAME: started if url is None else {"url": url}}})


def _codex(launch: Launch, url: str | None) -> str:
    # Strings and lists of strings are the same in TOML as in JSON, escapes included.
    lines = [f"[mcp_servers.{_NAME}]"]
    if url is None:
        lines.append(f"command = {json.dumps(launch.command)}")
        lines.append(f"args = {json.dumps(launch.arguments)}")
    else:
        lines.append(f"url = {json.dumps(url)}")
    return "\n".join(lines)


HOSTS: Final[dict[str, Host]] = {
    "claude-desktop": Host(
        "claude_desktop_config.json (Settings, Developer, Edit Config)", _claude_desktop
    ),
    "claude-code": Host("a terminal, in the project", _claude_code),
    "cursor": Host("~/.cursor/mcp.json, or .cursor/mcp.json in a project", _servers),
    "vscode": Host(".vscode/mcp.json in a workspace, or mcp.json of the user profile", _vscode),
    "zed": Host("settings.json", _zed),
    "codex": Host("~/.codex/config.toml", _codex),
}
"""Every host by its name."""
