"""keys create, list and revoke: who a server lets in."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from engram.settings import Settings

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def test_a_key_is_shown_once_and_kept_nowhere(cli: CommandLine) -> None:
    """Only its digest is on the disk, in a file of its owner's alone."""
    made = cli("keys", "create", "bot", "--space", "a", "--space", "b", "--json").json
    assert made["key"].startswith("engram_")
    assert len(made["key"]) == len("engram_") + 43
    for file in cli.path.iterdir():
        assert made["key"].encode() not in file.read_bytes()
    assert stat.S_IMODE((cli.path / ".keys.json").stat().st_mode) == 0o600
    assert (made["role"], made["spaces"]) == ("agent", ["a", "b"])
    (listed,) = cli("keys", "list", "--json").json
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert made["key"] not in cli("keys", "list").out


def test_a_person_is_told_to_keep_it(cli: CommandLine) -> None:
    """The key stands on a line of its own."""
    said = cli("keys", "create", "bot", "--space", "*", "--role", "admin").out.splitlines()
    keys = cli.machine.servers.keys(Settings(data_root=str(cli.path)))
    assert keys.principal_of(said[0]) is not None  # type: ignore[attr-defined]
    assert "not shown again" in said[1]
    assert "admin" in cli("keys", "list").out


def test_a_revoked_key_stays_listed(cli: CommandLine) -> None:
    """Revoking it again changes nothing; another id is refused."""
    made = cli("keys", "create", "bot", "--space", "a", "--json").json
    assert cli("keys", "revoke", made["id"]).out == f"Revoked: {made['id']} (bot)\n"
    (listed,) = cli("keys", "list", "--json").json
    assert cli("keys", "revoke", made["id"], "--json").json == listed
    assert listed["revoked_at"] is not None
    assert (cli("keys", "revoke", "x").code, cli("keys", "list").code) == (1, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("bot",),
        ("bot", "--space", "Not An Id"),
        ("", "--space", "a"),
        ("two\nlines", "--space", "a"),
    ],
)
def test_a_key_that_breaks_a_rule_is_not_made(cli: CommandLine, arguments: tuple[str, ...]) -> None:
    """No space, no id, no name."""
    assert cli("keys", "create", *arguments).code == 1
    assert cli("keys", "list", "--json").json == []


def test_keys_do_not_keep_a_store_from_being_made(cli: CommandLine) -> None:
    """They may be made before the store is."""
    cli("keys", "create", "bot", "--space", "a")
    assert cli("remember", "the kettle is blue").code == 0
    assert [each["id"] for each in cli("space", "list", "--json").json] == ["default"]
