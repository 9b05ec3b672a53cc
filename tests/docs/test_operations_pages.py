"""The commands of the pages for operators are run as printed, on a store such as they speak of."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engram.__main__ import main

PAGES = Path(__file__).parents[2] / "docs" / "operations"
BLOCK = 4096


class Shell:
    """Types commands in a home directory of its own."""

    def __init__(
        self,
        home: Path,
        monkeypatch: pytest.MonkeyPatch,
        capture: pytest.CaptureFixture[str],
    ) -> None:
        self.store = home / ".local" / "share" / "engram"
        self._patch, self._capture = monkeypatch, capture

    def __call__(self, line: str) -> tuple[int, str]:
        """Return the exit code of a command line, and what it printed."""
        program, *arguments = shlex.split(line)
        if program != "engram":
            return subprocess.run(["sh", "-c", line], check=False).returncode, ""  # noqa: S603, S607 - our own page
        self._patch.setattr(sys, "argv", [program, *arguments])
        self._capture.readouterr()
        code = main()
        answer = self._capture.readouterr()
        return code, answer.out + answer.err

    def remember(self, *numbers: int) -> None:
        """Remember what is in some halls, a record of the log each."""
        for number in numbers:
            assert self(f"engram remember 'in hall {number} hangs picture {number}'")[0] == 0


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENGRAM_KERNELS", "numpy")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("ENGRAM_DATA_ROOT", "ENGRAM_MEMORY_SPACE", "ENGRAM_ARCHIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, monkeypatch, capsys)


def commands(page: str) -> Iterator[str]:
    """Yield the command lines of a page in their order."""
    text = (PAGES / page).read_text("utf-8")
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            assert line.startswith("$ "), line
            yield line.removeprefix("$ ")


def test_backups_are_made_and_restored_as_the_page_says(shell: Shell) -> None:
    shell.remember(1, 2, 3, 4)
    said = {}
    for line in commands("backup_and_restore.md"):
        code, said[line] = shell(line)
        assert code == 0, (line, said[line])
    assert "Stored " in said["engram backup create backups"]
    assert said["engram backup verify backups"].rstrip().endswith("All is well.")
    assert "hangs picture 4" in said['engram recall "hall 4" --space default_restored']
    assert (
        ": 2 memories, LSN 2,"
        in said["engram restore backups --space default --as before_it --to-lsn 2"]
    )


def test_a_damaged_store_is_recovered_as_the_page_says(shell: Shell) -> None:
    """Four memories are in a backup, of the two after it the last one is damaged in the log."""
    shell.remember(1, 2, 3, 4)
    assert shell("engram backup create backups")[0] == 0
    shell.remember(5, 6)
    assert shell("engram space create work")[0] == 0
    (log,) = (shell.store / "default" / "wal").glob("*.wal")
    data = bytearray(log.read_bytes())
    data[6 * BLOCK + 80] ^= 1
    log.write_bytes(data)
    found = [(line, *shell(line)) for line in commands("recover.md")]
    assert [(line, code) for line, code, _ in found if code] == [
        ("engram verify", 1), ("engram repair --space default", 1),
    ]  # fmt: skip
    said = [text for _, _, text in found]
    assert "default  unavailable: " in said[0]
    assert "work     0 memories" in said[0]
    assert "given up, this costs: all that was recorded from LSN 6 to 6" in said[1]
    assert "Nothing was changed." in said[3]
    assert ": 4 memories, LSN 4," in said[4]
    assert "default/given-up.1.json" in said[5]
    assert ".wal.1.damaged" in said[5]
    assert ": 4 memories, LSN 4," in said[6]
    assert [text.rstrip().endswith("All is well.") for text in said[-2:]] == [True, True]
    assert "5 of 5 memories" in shell("engram list")[1]
