"""quickstart: the whole run, the second run, Ctrl-C in between, and how good its answers are."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from engram.adapters.embedders.static import StaticEmbedder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tests.edges.conftest import CommandLine

TEXTS = 460


@pytest.fixture(autouse=True)
def ctrl_c_interrupts() -> Iterator[None]:
    """A process that a shell began in the background ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def first(cli: CommandLine) -> Any:
    """What quickstart says on an empty store."""
    return cli("quickstart", "--json").json


def test_the_whole_corpus_is_remembered(first: Any) -> None:
    """Each passage is one memory, with at least one sync for each durable step."""
    assert (first["texts"], first["created"], first["memories"]) == (TEXTS, TEXTS, TEXTS)
    assert first["syncs"] >= TEXTS / 20
    assert first["memories_per_second"] > 0
    assert first["kernels"]["name"] == "numpy"
    assert first["embedder"]["dimensions"] > 0


def test_the_answers_are_among_the_first_five(first: Any) -> None:
    """At least 11 of the 12 questions find a passage of the day that answers them."""
    missed = [q["question"] for q in first["questions"] if not q["answered"]]
    assert len(first["questions"]) == 12
    assert first["answered"] >= 11, missed


def test_questions_with_a_filter_recall_nothing_outside_it(first: Any) -> None:
    """The time filter and the tag filter hold for every recalled memory."""
    by_time, by_tag = (
        next(q for q in first["questions"] if q["by"] == kind)["recollections"]
        for kind in ("time", "tag")
    )
    assert by_time
    assert all("1800" <= hit["memory"]["occurred_at"][:4] < "1830" for hit in by_time)
    assert by_tag
    assert all("aviation" in hit["memory"]["tags"] for hit in by_tag)


def test_a_second_run_finds_everything_and_stores_nothing_twice(
    cli: CommandLine, first: Any
) -> None:
    """The same texts are one memory, so the answers do not change either."""
    again = cli("quickstart", "--json").json
    assert (again["created"], again["memories"]) == (0, TEXTS)
    for before, now in zip(first["questions"], again["questions"], strict=True):
        assert [hit["memory"]["id"] for hit in before["recollections"]] == [
            hit["memory"]["id"] for hit in now["recollections"]
        ]


@pytest.mark.parametrize("columns", ["80", "120"])
def test_a_person_sees_the_questions_the_memories_and_what_to_try_next(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """No line but the commands to try is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", columns)
    answer = cli("quickstart")
    assert (answer.code, answer.err) == (0, "")
    body, try_next = answer.out.split("Try next\n")
    assert max(map(len, body.splitlines())) <= int(columns)
    assert body.count("score  meaning  words  left") == 12
    assert f"All {TEXTS} are on the disk" in body
    assert str(cli.path) in "".join(body.split())
    assert len(try_next.splitlines()) == 3


def test_what_it_says_to_try_next_works_as_printed(cli: CommandLine) -> None:
    """Each line is run by a shell, the program being this checkout's."""
    cli.machine = cli.machine._replace(program=f"{sys.executable} -m engram")
    for line in cli("quickstart", "--json").json["try_next"]:
        done = subprocess.run(  # noqa: S602 - as a person would paste it
            line, shell=True, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


class _StoppedBy(StaticEmbedder):
    """The default embedder; while it works on its fifth batch the user presses Ctrl-C."""

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self._calls += 1
        if self._calls == 5:
            signal.raise_signal(signal.SIGINT)
        return await super().embed(texts)


def test_ctrl_c_keeps_what_was_acknowledged_and_the_next_run_goes_on(cli: CommandLine) -> None:
    """Exit 130, a sentence with the count, no traceback; then the rest is added."""
    cli.open_with(embedder=_StoppedBy())
    stopped = cli("quickstart")
    assert stopped.code == 130
    assert stopped.err == (
        f"INTERRUPTED: stopped with 80 of {TEXTS} texts durable in space quickstart; nothing "
        "acknowledged is lost, run it again to go on\n"
    )
    cli.open_with()
    assert cli("list", "--space", "quickstart", "--json").json["total"] >= 80
    assert cli("quickstart", "--json").json["memories"] == TEXTS


def test_ctrl_c_in_a_process_of_its_own_leaves_a_store_that_opens(
    cli: CommandLine, tmp_path: Path
) -> None:
    """SIGINT as soon as the first segment is there: exit 130 or done, and never a traceback."""
    store = tmp_path / "store"
    running = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "engram", "quickstart", "--data", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    running.stdout.readline()  # said before the first text is remembered
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode in {0, 130}
    assert "Traceback" not in errors
    assert cli("quickstart", "--json").json["memories"] == TEXTS
