"""The program as a process: help, version, imports, pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

COMMANDS = [
    *("quickstart", "remember", "recall", "get", "list", "forget"),
    *("query", "shell", "space", "reembed", "doctor", "kernels", "config"),
]


def test_help_lists_every_command(cli: CommandLine) -> None:
    """Each command stands at the start of a line of --help."""
    answer = cli("--help", elsewhere=True)
    listed = [line.split()[1] for line in answer.out.splitlines() if line.startswith("│ ")]
    assert answer.code == 0
    assert set(COMMANDS) <= set(listed)


def test_every_command_has_help_of_its_own(cli: CommandLine) -> None:
    """--help of a command shows its usage and exits 0."""
    for command in COMMANDS:
        answer = cli(command, "--help", elsewhere=True)
        assert answer.code == 0
        assert f"engram {command}" in answer.out


def test_version_is_the_packages(cli: CommandLine) -> None:
    """One line: the program and its version."""
    assert cli("--version", elsewhere=True).out == "engram 9.9.9\n"


def test_help_loads_neither_numpy_nor_the_engine() -> None:
    """What --help imports decides how long it takes."""
    probe = (
        "import sys; from engram.__main__ import main; sys.argv[1:] = ['recall', '--help'];"
        "code = main();"
        "heavy = {'numpy', 'anyio', 'asyncio', 'engram.service', 'engram.wiring', 'engram.doctor'};"
        "sys.exit(code or ', '.join(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_color_and_pipes_get_plain_text(cli: CommandLine) -> None:
    """Where no one watches there is no escape sequence."""
    cli("remember", "the kettle is blue")
    for arguments in (("recall", "kettle"), ("list",), ("space", "list"), ("get", "x")):
        answer = cli(*arguments)
        assert "\x1b" not in answer.out + answer.err


def test_a_reader_that_goes_away_is_no_reason_for_words(cli: CommandLine) -> None:
    """Like `engram list | head -0`: quiet, and exit 141 as shells expect."""
    for number in range(3):
        cli("remember", f"memory {number}")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "engram", "list", "--data", str(cli.path)],
        stdout=write,
        stderr=subprocess.PIPE,
        env={**os.environ, "ENGRAM_KERNELS": "numpy"},
        text=True,
        check=False,
        timeout=60,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_kernels_says_which_and_why(cli: CommandLine) -> None:
    """The environment asks for numpy here, and the answer says so."""
    value = cli("kernels", "--json", elsewhere=True).json
    assert (value["name"], value["isa"]) == ("numpy", "numpy")
    assert value["why"] == "ENGRAM_KERNELS=numpy asks for it"
    assert value["auto"] in {"zig", "numpy"}
    assert "numpy" in cli("kernels", elsewhere=True).out
