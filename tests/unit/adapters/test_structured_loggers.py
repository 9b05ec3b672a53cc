"""Lines in both formats: which, with what in them, and what never is."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from engram.adapters.loggers.line_writer import LineWriter
from engram.adapters.loggers.structured import structured_loggers
from engram.service.telemetry import REQUEST
from engram.testing.clock import FakeClock

LOGGER = logging.getLogger("engram.tests")
KEY = "engram_" + "aB3-_" * 9


class Names:
    """The names of a request."""

    request_id, correlation_id, is_over = "r-1", "c-1", False
    space: str | None = "notes"


@pytest.fixture
def names() -> Iterator[Names]:
    """A request that is being carried out."""
    found = Names()
    before = REQUEST.set(found)
    yield found
    REQUEST.reset(before)


def said(form: str, level: str = "info") -> tuple[io.StringIO, Any]:
    """Return a stream and what lets loggers write to it."""
    stream = io.StringIO()
    return stream, structured_loggers(form, level, stream, FakeClock())


def test_a_line_of_json_has_the_names_of_its_request(names: Names) -> None:
    """Time, level, message, logger; nothing of a request once that is over."""
    stream, loggers = said("json")
    with loggers:
        LOGGER.info("opened %d spaces", 3)
        names.is_over = True
        LOGGER.warning("still here")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "opened 3 spaces",
        "level": "info",
        "logger": "engram.tests",
        "request_id": "r-1",
        "correlation_id": "c-1",
        "space": "notes",
    }
    assert (second["level"], "request_id" in second) == ("warning", False)


def test_a_line_of_text_cannot_be_broken_by_what_is_said() -> None:
    """Line ends are written as such; facts stand behind the message, quoted where they must be."""
    stream, loggers = said("text")
    with loggers as requests:
        LOGGER.warning("a space\nINFO forged\r line")
        requests.info("request", route="GET /health", status=200, space=None, caller='a "b"\n')
    first, second = stream.getvalue().splitlines()
    assert first.partition("Z ")[2] == "WARNING a space\\nINFO forged\\r line"
    assert second.partition("Z ")[2] == (
        'INFO    request route="GET /health" status=200 caller="a \\"b\\"\\n"'
    )


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_shows_no_values_and_no_secret(form: str) -> None:
    """Variables are not in it, and what looks like a key or token is masked wherever it stands."""
    hidden = "the content of a memory"
    token = "eyJhbGciOi.eyJzdWIi.abc_-1"  # noqa: S105 - signs nothing
    stream, loggers = said(form)
    with loggers:
        try:
            raise ValueError(f"no {KEY} and no Bearer abc.def or {token}")  # noqa: TRY301 - to be logged
        except ValueError:
            LOGGER.exception("failed with %s for %d", KEY, len(hidden))
    text = stream.getvalue()
    assert "ValueError: no *** and no *** or ***" in text
    assert "failed with *** for" in text
    assert not [each for each in (KEY, token, hidden, "abc.def") if each in text]


@pytest.mark.parametrize(
    ("level", "events"),
    [
        ("debug", ["a", "b", "c", "asked", "looked"]),
        ("info", ["b", "c", "asked"]),
        ("warning", ["c"]),
        ("error", []),
    ],
)
def test_a_level_leaves_out_what_is_below_it(level: str, events: list[str]) -> None:
    """Where requests are left out nothing is lent that would have to be called for them."""
    stream, loggers = said("json", level)
    before = logging.getLogger("engram").level
    with loggers as requests:
        LOGGER.debug("a")
        LOGGER.info("b")
        LOGGER.warning("c")
        assert (requests is None) == (level in {"warning", "error"})
        if requests is not None:
            requests.info("asked")
            requests.debug("looked")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == events
    LOGGER.error("after it")
    assert "after it" not in stream.getvalue()
    assert logging.getLogger("engram").level == before


def test_other_loggers_write_the_same_lines() -> None:
    """Those of libraries, from warnings on: a reader of JSON meets nothing else."""
    stream, loggers = said("json", "debug")
    with loggers:
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("uvicorn.error").debug("left out")
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["logger"], line["level"]) == ("uvicorn.error", "warning")


class Stuck(io.StringIO):
    """A stream whose reader takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_go = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        """Wait."""
        self.is_asked.set()
        assert self.may_go.wait(10)
        return super().write(text)


def test_lines_that_nobody_takes_are_dropped_and_counted() -> None:
    """Whoever says them never waits; those that had room come in their order."""
    stream = Stuck()
    writer = LineWriter(
        stream, lambda event: f"{event['count']} missing\n", lambda count: {"count": count}, 2
    )
    writer.write("first\n")
    assert stream.is_asked.wait(10)
    taken = [writer.write(f"{number}\n") for number in range(5)]
    stream.may_go.set()
    writer.close()
    assert taken == [2, 2, 0, 0, 0]
    assert stream.getvalue() == "first\n0\n1\n3 missing\n"


class Broken(io.StringIO):
    """A stream whose reader is gone."""

    def write(self, _: str) -> int:
        """Fail."""
        raise BrokenPipeError


def test_a_reader_that_is_gone_ends_nothing() -> None:
    """As when the terminal was closed."""
    with structured_loggers("text", "info", Broken(), FakeClock()):
        LOGGER.warning("to nobody")


def test_nothing_is_loaded_for_loggers_and_spans_before_they_are_asked_for() -> None:
    """Neither by the library nor by the command line."""
    code = (
        "import sys, engram, engram.__main__, engram.wiring, engram.serving, engram.connecting; "
        "sys.exit(bool({'structlog', 'opentelemetry'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - ours
