"""The commands of the pages for operators are run as printed, on a store such as they speak of."""

from __future__ import annotations

import json
import re
import shlex
import shutil
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
        self._address = ""

    def __call__(self, line: str) -> tuple[int, str]:
        """Return the exit code of a command line, and what it printed."""
        line = line.replace("127.0.0.1:7432", self._address)
        program, *arguments = shlex.split(line)
        if program == "curl":
            done = subprocess.run(  # noqa: S603 - our own page
                [program, *arguments], check=False, capture_output=True, text=True, timeout=60
            )
            return done.returncode, done.stdout
        if program != "engram":
            return subprocess.run(["sh", "-c", line], check=False).returncode, ""  # noqa: S603, S607 - our own page
        self._patch.setattr(sys, "argv", [program, *arguments])
        self._capture.readouterr()
        code = main()
        answer = self._capture.readouterr()
        if found := re.search(r" at http://(127\.0\.0\.1:\d+)", answer.out):
            self._address = found[1]
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
    # A server is another process; it is of this checkout, and where no other listens.
    monkeypatch.setenv("PYTHONPATH", str(PAGES.parents[1]))
    monkeypatch.setenv("ENGRAM_HTTP_PORT", "0")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
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


def test_a_server_is_monitored_as_the_page_says(shell: Shell) -> None:
    shell.remember(1)
    keyed, status, *settings = commands("monitor.md")
    code, said = shell(keyed)
    assert (code, "engram_" in said) == (0, True)
    code, said = shell(status)
    assert (code, "default" in said) == (0, True)
    assert [shell(line)[0] for line in settings] == [0, 0]


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


NEEDS_CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")


@pytest.fixture
def serving(shell: Shell) -> Iterator[Shell]:
    """A shell that leaves no server behind."""
    yield shell
    shell("engram stop")


@NEEDS_CURL
def test_a_server_is_run_and_secured_as_the_page_says(serving: Shell) -> None:
    found = [(line, *serving(line)) for line in commands("run.md")]
    assert [(line, said) for line, code, said in found if code] == []
    said = [text for _, _, text in found]
    assert said[2].startswith(f"Engram serves {serving.store} at http://127.0.0.1:")
    assert "default" in said[3]
    assert [text for line, _, text in found if line.startswith("curl")] == ["401"]
    assert "robot" in said[9]
    file = serving.store.parents[2] / ".config" / "engram" / "config.toml"
    assert file.read_text("utf-8") == (
        '[http]\nport = 7432\n\n[persistence]\nmemory_budget = "1GiB"\n\n'
        "[access]\nenabled = true\n\n[limits]\nrate = 50\n"
    )


def test_a_store_is_upgraded_as_the_page_says(shell: Shell) -> None:
    shell.remember(1, 2, 3)
    found = [(line, *shell(line)) for line in commands("upgrade.md")]
    assert [(line, said) for line, code, said in found if code] == []
    said = {line: text for line, _, text in found}
    assert said["engram verify"].rstrip().endswith("All is well.")
    assert "3 of 3 memories" in said["engram list --data restored"]
    assert said["engram export everything.ndjson"].startswith("Exported 3 memories")


@NEEDS_CURL
def test_a_space_becomes_two_and_one_again_as_the_page_says(serving: Shell) -> None:
    """One memory stays, two go; what comes home is what was copied."""
    serving.remember(1)
    for number in (2, 3):
        line = f"engram remember 'in hall {number} hangs picture {number}' --tag work"
        assert serving(line)[0] == 0
    found = [(line, *serving(line)) for line in commands("memory-space-migration.md")]
    assert [(line, said) for line, code, said in found if code] == []
    said = {line: text for line, _, text in found}
    assert "Imported 2 memories" in said["engram import work.ndjson --space work"]
    answers = [json.loads(text) for line, text in said.items() if line.startswith("curl")]
    contents = [{hit["memory"]["content"] for hit in answer["recollections"]} for answer in answers]
    assert contents == [{f"in hall {number} hangs picture {number}" for number in (2, 3)}] * 3
    assert "2 of 2 memories" in said["engram list"]
    assert "Imported 0 memories" in said["engram import back.ndjson"]
    assert "3 of 3 memories" in serving("engram list")[1]
    assert "work" not in serving("engram space list")[1]


def test_scripts_of_pages_are_scripts(tmp_path: Path) -> None:
    """Those for root are not run, but every file of ours they name is there."""
    for page in PAGES.glob("*.md"):
        for block in re.findall(
            r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
        ):
            script = tmp_path / "script"
            script.write_text(block, "utf-8")
            assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0  # noqa: S603, S607 - our own page
            for name in re.findall(r"docs/\S+", block):
                assert (PAGES.parents[1] / name).exists()


def test_there_is_at_most_a_dozen_pages() -> None:
    """More of them nobody reads before it is too late."""
    assert len(list(PAGES.glob("*.md"))) <= 12
