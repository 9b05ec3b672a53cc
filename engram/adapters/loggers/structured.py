"""Lines of text or JSON, made by structlog: those of requests, and those of every logger.

Rule 1: a line of a request costs its caller a microsecond: what is known is noted, and the thread
that writes the line makes it, without a LogRecord.
Rule 2: what a caller or a stored text says cannot begin a line of its own, nor show a secret: no
line of a request holds anything of its body or query, and what looks like a key or token is masked
in all others.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO, cast

import msgspec
import structlog

from engram.adapters.loggers.line_writer import Event, LineWriter
from engram.model.memory import to_datetime
from engram.ports import Clock
from engram.service.telemetry import REQUEST, RequestLogger

_JSON: Final = msgspec.json.Encoder(enc_hook=str)
# An API key, a bearer token, a JWT.
_SECRET: Final = re.compile(
    r"engram_[0-9A-Za-z_-]{40,}|(?i:bearer) +[^\s'\"]+|eyJ[\w-]+\.[\w-]+\.[\w-]+"
)
_MASK: Final = "***"
# Of what is said and is no line yet: how loud, and when (ns); no fact has such a name.
_LEVEL: Final = " level"
_NOW: Final = " now"
_is_plain: Final = re.compile(r"[\w.:/+@#{}-]+", re.ASCII).fullmatch
_FIRST: Final = frozenset(("timestamp", "level", "event", "logger", "exception"))


class _Lines:
    """Makes lines of one format, with the time of one clock; has processors of structlog's."""

    def __init__(self, form: str, clock: Clock) -> None:
        self.rendered = _as_json if form == "json" else _as_text
        self._clock = clock
        # A second and how it is shown, together: lines come from several threads.
        self._last = -1, ""

    def timed(self, _: object, level: str, event: Event) -> Event:
        """Add when it is said, or was, and how loud."""
        second, ns = divmod(event.pop(_NOW, None) or self._clock.now(), 10**9)
        known, shown = self._last
        if second != known:
            shown = to_datetime(second * 10**9).strftime("%Y-%m-%dT%H:%M:%S")
            self._last = second, shown
        event["timestamp"] = f"{shown}.{ns // 1_000_000:03}Z"
        event["level"] = level
        return event

    def line_of(self, event: Event) -> str:
        """Return the line of what is said of a request."""
        level: str = event.pop(_LEVEL)
        return self.rendered(None, level, self.timed(None, level, event)) + "\n"


def _dropped(count: int) -> Event:
    """Return what stands for lines that are missing."""
    return {_LEVEL: "warning", "event": "lines were dropped, as nothing took them", "count": count}


class _RequestLogger:
    """Notes what is said of requests; lines are made of it where they are written."""

    def __init__(self, writer: LineWriter, now: Callable[[], int], *, shows_all: bool) -> None:
        self._write, self._now, self._shows_all = writer.write, now, shows_all

    def info(self, event: str, /, **facts: object) -> None:
        """Say a line."""
        facts["event"], facts[_LEVEL], facts[_NOW] = event, "info", self._now()
        self._write(facts)

    def debug(self, event: str, /, **facts: object) -> None:
        """Say a line, where all are shown."""
        if self._shows_all:
            facts["event"], facts[_LEVEL], facts[_NOW] = event, "debug", self._now()
            self._write(facts)


@contextmanager
def structured_loggers(
    form: str, level: str, stream: TextIO, clock: Clock
) -> Iterator[RequestLogger | None]:
    """Let all loggers of the process write to `stream` in a format until the block is left.

    Lends what says a line a request, None when `level` leaves these out. Engram's loggers write
    from `level` on, others from `warning` on at least.

    Args:
        form: `text` or `json`.
        level: `debug`, `info`, `warning` or `error`.
        stream: where lines go; it is written to in a thread, and never closed.
        clock: dates the lines.
    """
    lines = _Lines(form, clock)
    writer = LineWriter(stream, lines.line_of, _dropped)
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(cast("TextIO", writer))
    handler.setLevel(number)
    handler.setFormatter(_formatter(lines))
    root, ours = logging.getLogger(), logging.getLogger("engram")
    before = ours.level
    # What `logging.basicConfig` made would say the same again, in another format.
    plain = [each for each in root.handlers if type(each) is logging.StreamHandler]
    for each in plain:
        root.removeHandler(each)
    root.addHandler(handler)
    ours.setLevel(number)
    try:
        is_on, shows_all = number <= logging.INFO, number <= logging.DEBUG
        yield _RequestLogger(writer, clock.now, shows_all=shows_all) if is_on else None
    finally:
        ours.setLevel(before)
        root.removeHandler(handler)
        for each in plain:
            root.addHandler(each)
        writer.close()


def _formatter(lines: _Lines) -> logging.Formatter:
    """Return what makes lines of the records of the standard library's loggers."""
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _named,
            structlog.processors.format_exc_info,
            _masked,
            lines.timed,
            lines.rendered,
        ],
    )


def _named(_: object, __: str, event: Event) -> Event:
    """Add the names of the request that the line belongs to."""
    request = REQUEST.get()
    if request is not None and not request.is_over:
        event["request_id"], event["correlation_id"] = request.request_id, request.correlation_id
        if request.space is not None:
            event["space"] = request.space
    return event


def _masked(_: object, __: str, event: Event) -> Event:
    """Take out what looks like a key or a token."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRET.sub(_MASK, value)
    return event


def _as_json(_: object, __: str, event: Event) -> str:
    """Return a line of JSON."""
    return _JSON.encode(event).decode()


def _as_text(_: object, __: str, event: Event) -> str:
    """Return a line for people: time, level, what happened, facts as name=value."""
    said = event["event"].replace("\r", "\\r").replace("\n", "\\n")
    parts = [f"{event['timestamp']} {event['level'].upper():7} {said}"]
    for name, value in event.items():
        if value is not None and name not in _FIRST:
            is_plain = type(value) is not str or _is_plain(value)
            parts.append(f"{name}={value if is_plain else _JSON.encode(value).decode()}")
    line = " ".join(parts)
    return f"{line}\n{event['exception']}" if "exception" in event else line
