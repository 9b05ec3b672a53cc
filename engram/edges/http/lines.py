"""A body of lines, cut into batches as it arrives.

The same bytes make the same batches, in whatever chunks they come: what is sent again under the
same request key finds each of its batches stored.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from engram.edges.http.limits import LINE_BYTES_MAX, LINES_BYTES_MAX, LINES_COUNT_MAX

MEDIA_TYPE: Final = "application/x-ndjson"
_END: Final = b"\n"


class Line(NamedTuple):
    """A line that is not blank; the first one of a body has number 1."""

    number: int
    text: bytes | None
    """None when it has more than LINE_BYTES_MAX bytes, which are not kept."""


class Batch(NamedTuple):
    """Lines that are stored together, and where they stand in the body."""

    first: int
    last: int
    """Blank lines count, and the one that ends a batch does, too."""
    lines: list[Line]


class LineReader:
    """Cuts a body into batches; it keeps one batch, one line and one chunk of it, and no more.

    A batch ends after LINES_COUNT_MAX lines or LINES_BYTES_MAX bytes, at a blank line, and with
    the body.
    """

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        """Take the body."""
        self._chunks = chunks
        self._kept = bytearray()
        self._searched = 0
        self._is_over = self._is_skipping = False
        self._number = 0
        """Of the last line that was taken."""

    async def next(self) -> Batch | None:
        """Return the next batch, which has a line at least; None at the end.

        Raises what the chunks raise; the lines of a batch that is not whole are lost then.
        """
        first, size = self._number + 1, 0
        found: list[Line] = []
        while True:
            line = self._taken()
            if line is None:
                if self._is_over:
                    break
                await self._more()
                continue
            if line.text is None or line.text.strip():
                found.append(line)
                size += len(line.text or b"")
            elif found:
                break
            else:
                first = line.number + 1
            if len(found) >= LINES_COUNT_MAX or size >= LINES_BYTES_MAX:
                break
        return Batch(first, self._number, found) if found else None

    def _taken(self) -> Line | None:
        """Take the next line of what is there; None when more of it must come."""
        end = self._kept.find(_END, self._searched)
        if end < 0 and not (self._is_over and (self._kept or self._is_skipping)):
            self._searched = len(self._kept)
            if len(self._kept) > LINE_BYTES_MAX:
                self._is_skipping = True
                self._let_go(len(self._kept))
            return None
        last = len(self._kept) if end < 0 else end
        is_too_long = self._is_skipping or last > LINE_BYTES_MAX
        text = None if is_too_long else bytes(self._kept[:last])
        self._let_go(last + 1)
        self._is_skipping = False
        self._number += 1
        return Line(self._number, text)

    def _let_go(self, count: int) -> None:
        del self._kept[:count]
        self._searched = 0

    async def _more(self) -> None:
        chunk = await anext(self._chunks, None)
        if chunk is None:
            self._is_over = True
        else:
            self._kept += chunk
