"""`engram shell`: a script from a pipe, and a talk at a real pseudo-terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from engram.testing.embedders import HashingEmbedder
from tests.edges.terminal import PATIENCE_S, Terminal

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

# Takes the terminal as its own, so that ctrl-c reaches it, and waits for ever for one cue.
PROGRAM = """
import fcntl, functools, sys, termios
import anyio
from engram.edges.cli.app import run
from engram.adapters.local.server_file import ServerFile
from engram.edges.cli.machine import Machine, Servers
from engram.testing.embedders import HashingEmbedder
from engram.wiring import open_store

class Waiting(HashingEmbedder):
    async def embed(self, texts):
        if "forever" in texts:
            print("waiting", flush=True)
            await anyio.sleep_forever()
        return await super().embed(texts)

def opener(*, settings, clock=None, tracer=None):
    return open_store(settings=settings, clock=clock, tracer=tracer, embedder=Waiting())

servers = Servers(None, lambda settings: ServerFile(settings.data_path), None, None)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.exit(run(sys.argv[1:], Machine(opener, None, None, None, None, None, servers, None), "9.9.9"))
"""


@pytest.fixture
def kettles(cli: CommandLine) -> CommandLine:
    """Return a store with two memories of kettles."""
    cli("remember", "the kettle is blue", "--tag", "kitchen", "--session", "s")
    cli("remember", "the kettle is hot", "--session", "s")
    return cli


def test_a_script_is_carried_out_statement_by_statement(
    kettles: CommandLine, stdin: Callable[[bytes], None]
) -> None:
    stdin(b'RECALL $cue\n  WHERE tag HAS "kitchen"\n\\format ndjson\nSHOW SPACES; RECALL "a;b"')
    answer = kettles("shell", "--param", "cue=kettle", "--param", "other=1")
    assert (answer.code, answer.err) == (0, "")
    assert "the kettle is blue" in answer.out
    assert "1 row, " in answer.out
    lines = [json.loads(line) for line in answer.out.splitlines() if line.startswith("{")]
    assert [line["fields"]["id"] for line in lines[:1]] == ["default"]
    assert len(lines) == 3


def test_a_script_ends_at_the_first_failure(
    kettles: CommandLine, stdin: Callable[[bytes], None]
) -> None:
    """Its exit code is that of the failure, and a caret shows where it is."""
    stdin(b'SHOW SPACES;\n\\explain RECALL "kettle" LIMT 3\nSHOW STATS;\n')
    answer = kettles("shell")
    assert answer.code == 1
    assert "default" in answer.out
    assert "lsn" not in answer.out
    lines = answer.err.splitlines()
    assert lines[0] == 'EXPLAIN RECALL "kettle" LIMT 3'
    assert lines[1].index("^") == lines[0].index("LIMT")
    assert "did you mean LIMIT?" in lines[2]


def test_errors_of_a_script_are_json_where_answers_are(
    kettles: CommandLine, stdin: Callable[[bytes], None]
) -> None:
    stdin(b"SHOW NOTHING\n")
    answer = kettles("shell", "--json")
    assert (answer.code, answer.err) == (1, "")
    assert answer.json["error"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"\\nonsense", "there is no \\nonsense"),
        (b"\\format xml", "\\format is one of table, json, ndjson"),
        (b"\\space A B", "A B"),
        (b"\\explain", "write it like \\explain STATEMENT"),
        (b"\\graph a.png RECALL 'x'", "ends neither with .html nor with .svg"),
        (b"\\graph a.svg SHOW STATS", "draws what RECALL and PREDICT find"),
        (b"\\params cue", "is not like NAME=VALUE"),
        (b"RECALL '\xff'", "line 1 of standard input is not UTF-8"),
        (b"RECALL $cue", "cue"),
    ],
)
def test_what_does_not_fit_is_refused(
    kettles: CommandLine, stdin: Callable[[bytes], None], line: bytes, said: str
) -> None:
    stdin(line)
    answer = kettles("shell")
    assert answer.code == 1
    assert said in answer.err


def test_orders_are_carried_out(
    kettles: CommandLine, stdin: Callable[[bytes], None], tmp_path: Path
) -> None:
    picture = tmp_path / "a picture.svg"
    stdin(
        f"""
\\explain RECALL "kettle";
\\profile RECALL "kettle"
\\space
\\params n=1
\\params
RECALL "kettle" LIMIT $n
\\params n=
\\params
\\help
\\format
\\space other
\\graph "{picture}" RECALL "kettle" IN SPACE default
\\quit
never understood
""".encode()
    )
    answer = kettles("shell")
    assert (answer.code, answer.err) == (0, "")
    assert "measured us" in answer.out
    assert "$n  1" in answer.out
    assert "1 row, " in answer.out
    assert "There are none; " in answer.out
    assert "\\graph FILE STATEMENT" in answer.out
    assert "There is no such space yet" in answer.out
    assert picture.read_text("utf-8").startswith("<svg")
    assert f"Picture: {picture}" in answer.out


@pytest.fixture
def terminal(cli: CommandLine, tmp_path: Path) -> Iterator[Terminal]:
    """Return a shell at its first prompt, over a store with one memory."""
    cli.open_with(embedder=HashingEmbedder())
    cli("remember", "the kettle is blue", "--tag", "kitchen")
    own = {
        "ENGRAM_KERNELS": "numpy",
        "ENGRAM_SHELL_HISTORY": str(tmp_path / "state" / "history"),
        "PROMPT_TOOLKIT_NO_CPR": "1",  # nobody here tells where the cursor is
    }
    with Terminal([sys.executable, "-c", PROGRAM, "shell", "--data", str(cli.path)], own) as opened:
        opened.expect("ctrl-d leaves.")
        opened.expect("default>")
        yield opened


def test_a_talk_at_a_terminal(terminal: Terminal, tmp_path: Path) -> None:
    """Answers, errors with a caret, several lines, completion, history; ctrl-d leaves with 0."""
    terminal.type("SHOW SPACES LIMT\r")
    shown = terminal.expect("INVALID_REQUEST: line 1, column 13")
    assert "SHOW SPACES LIMT\r\n            ^\r\n" in shown
    terminal.expect("default>")
    terminal.type("SHO\t")
    terminal.expect("SHOW")
    terminal.type(" STATS\r")
    terminal.expect("28 rows, ")
    terminal.expect("default>")
    terminal.type('RECALL "kettle" WHERE tag HAS "kit\t')
    terminal.expect('chen"')  # what was typed is not drawn again
    terminal.type("\r")
    terminal.expect("1 row, ")
    terminal.expect("default>")
    terminal.type("SHOW CONTRADICTIONS LIMIT\r")
    terminal.expect("       >")
    terminal.type("3\r")
    terminal.expect("0 rows, ")
    terminal.expect("default>")
    terminal.type("\\space other\r")
    terminal.expect("other>")
    terminal.type("RECALL\x03")  # ctrl-c lets go of the line
    terminal.expect("other>")
    assert terminal.leave() == 0
    history = tmp_path / "state" / "history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.parent.stat().st_mode & 0o777 == 0o700
    assert "+SHOW CONTRADICTIONS LIMIT\n+3\n" in history.read_text("utf-8")


def test_ctrl_c_stops_the_statement_and_not_the_shell(terminal: Terminal) -> None:
    terminal.type('RECALL "forever"; SHOW STATS\r')
    terminal.expect("waiting")
    terminal.type("\x03")
    assert "lsn" not in terminal.expect("stopped")
    terminal.expect("default>")
    terminal.type("\\quit\r")
    assert terminal._process.wait(PATIENCE_S) == 0
