"""What a shell is given to complete this program's words."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.edges.terminal import Terminal

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

ASK = """
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_engram
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _found(shell: str) -> str:
    """Return where a shell is; skip without it."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not on this machine")
    return path


def test_bash_completes_commands_options_and_choices(cli: CommandLine, tmp_path: Path) -> None:
    script = tmp_path / "engram.bash"
    script.write_text(cli("completions", "bash", elsewhere=True).out, "utf-8")

    def completed(*words: str) -> set[str]:
        done = subprocess.run(  # noqa: S603 - our own script
            ["bash", "-c", ASK, "bash", str(script), "engram", *words],  # noqa: S607 - any bash
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return {word.strip() for word in done.stdout.splitlines()}

    assert completed("rec") == {"recall", "recognize"}
    assert completed("config", "") >= {"get", "set", "list", "path"}
    assert completed("recall", "--expl") == {"--explain"}
    assert completed("recall", "cue", "--mode", "") >= {"hybrid", "similarity", "spreading"}


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_others_know_every_command(cli: CommandLine, shell: str) -> None:
    script = cli("completions", shell, elsewhere=True).out
    for word in ("quickstart", "import", "export", "keys", "revoke", "--min-confidence"):
        assert word.removeprefix("--") in script


def test_fish_completes_commands_options_and_choices(cli: CommandLine, tmp_path: Path) -> None:
    fish = _found("fish")
    script = tmp_path / "engram.fish"
    script.write_text(cli("completions", "fish", elsewhere=True).out, "utf-8")

    def completed(line: str) -> set[str]:
        asked = [fish, "-N", "-c", f"source {script}; complete -C '{line}'"]
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own script
        return {each.partition("\t")[0] for each in done.stdout.splitlines()}

    assert completed("engram rec") == {"recall", "recognize"}
    assert completed("engram recall --expl") == {"--explain"}
    assert completed("engram recall cue --mode ") >= {"hybrid", "similarity", "spreading"}


@pytest.mark.parametrize("how", ["found", "sourced"])
def test_zsh_completes_commands_options_and_choices(
    cli: CommandLine, tmp_path: Path, how: str
) -> None:
    """From the first word on, typed into a shell that found the file or was told to read it."""
    zsh = _found("zsh")
    script = tmp_path / "_engram"
    script.write_text(cli("completions", "zsh", elsewhere=True).out, "utf-8")
    begin = f"fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -D -u"
    if how == "sourced":
        begin = f"autoload -Uz compinit; compinit -D -u; source {script}"
    with Terminal([zsh, "-f", "-i"], {"TERM": "dumb"}) as shell:
        shell.type(f"{begin}; echo beg''un\n")
        shell.expect("begun")
        for typed, shown in (
            ("engram recog\t", "recognize"),
            ("engram recall --expl\t", "--explain"),
            ("engram recall cue --mode hy\t", "hybrid"),
        ):
            shell.type(typed)
            shell.expect(shown)
            shell.type("\x15")  # an empty line again


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_read_what_it_is_given(cli: CommandLine, shell: str, tmp_path: Path) -> None:
    _found(shell)
    script = tmp_path / "script"
    script.write_text(cli("completions", shell, elsewhere=True).out, "utf-8")
    done = subprocess.run([shell, "-n", str(script)], check=False, timeout=60)  # noqa: S603 - ours
    assert done.returncode == 0


def test_another_shell_is_refused(cli: CommandLine) -> None:
    assert cli("completions", "csh", elsewhere=True).code == 2
