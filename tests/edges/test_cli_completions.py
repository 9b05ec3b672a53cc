"""What a shell is given to complete this program's words."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

ASK = """
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_engram
printf '%s\\n' "${COMPREPLY[@]}"
"""


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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_read_what_it_is_given(cli: CommandLine, shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not on this machine")
    script = tmp_path / "script"
    script.write_text(cli("completions", shell, elsewhere=True).out, "utf-8")
    done = subprocess.run([shell, "-n", str(script)], check=False, timeout=60)  # noqa: S603 - ours
    assert done.returncode == 0


def test_another_shell_is_refused(cli: CommandLine) -> None:
    assert cli("completions", "csh", elsewhere=True).code == 2
