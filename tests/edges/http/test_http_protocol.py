"""What goes over a connection is what uvicorn would send, in one write where it sends two."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from engram.edges.http.protocol import _Cycle

pytestmark = pytest.mark.asyncio
Headers = list[tuple[bytes, bytes]]


class _Line(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


def cycle_on(kind: type[RequestResponseCycle], line: _Line, method: str = "GET") -> Any:
    return kind(
        scope={"type": "http", "method": method},  # type: ignore[typeddict-item]
        transport=line,
        flow=FlowControl(line),
        logger=logging.getLogger("test"),
        access_logger=logging.getLogger("test"),
        access_log=False,
        default_headers=[(b"date", b"Sun, 22 Nov 2026 06:00:00 GMT")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=lambda: None,
    )


async def answered(
    kind: type[RequestResponseCycle], headers: Headers, bodies: list[bytes], method: str = "GET"
) -> _Line:
    line = _Line()
    cycle = cycle_on(kind, line, method)
    await cycle.send({"type": "http.response.start", "status": 201, "headers": headers})
    for number, body in enumerate(bodies, start=1):
        more = number < len(bodies)
        await cycle.send({"type": "http.response.body", "body": body, "more_body": more})
    assert cycle.response_complete
    return line


_NAMED: Headers = [(b"x-request-id", b"a-1"), (b"content-type", b"application/json")]
_CLOSE: Headers = [(b"connection", b"close")]
_LONG: Headers = [(b"content-length", b"4")]


@pytest.mark.parametrize(
    ("headers", "bodies", "method", "writes"),
    [
        ([*_NAMED, *_LONG], [b"{1:2"], "GET", 1),
        ([*_NAMED, (b"content-length", b"0")], [b""], "POST", 1),
        ([*_NAMED, *_LONG], [b"{1", b":2"], "GET", 3),
        ([*_NAMED, *_LONG], [b""], "HEAD", 1),
        ([*_CLOSE, *_LONG], [b"{1:2"], "GET", 2),
        (_NAMED, [b"data: 1\n\n", b""], "GET", 3),
    ],
)
async def test_the_bytes_are_uvicorns(
    headers: Headers, bodies: list[bytes], method: str, writes: int
) -> None:
    ours = await answered(_Cycle, headers, bodies, method)
    theirs = await answered(RequestResponseCycle, headers, bodies, method)
    assert b"".join(ours.written) == b"".join(theirs.written)
    assert ours.is_closed == theirs.is_closed
    assert len(ours.written) == writes


async def test_a_head_of_unknown_length_does_not_wait_for_its_body() -> None:
    line = _Line()
    cycle = cycle_on(_Cycle, line)
    await cycle.send({"type": "http.response.start", "status": 200, "headers": _NAMED})
    assert b"x-request-id: a-1\r\n" in line.written[0]


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\0b"])
async def test_no_value_of_a_header_begins_another(value: bytes) -> None:
    with pytest.raises(RuntimeError, match="header value"):
        await answered(_Cycle, [(b"x-request-id", value), *_LONG], [b"{1:2"])


async def test_an_answer_is_as_long_as_it_says() -> None:
    with pytest.raises(RuntimeError, match="longer"):
        await answered(_Cycle, [*_NAMED, *_LONG], [b"{1:2}"])
