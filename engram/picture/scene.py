"""What a picture shows: boxes in columns, and lines that lead from one to another."""

from __future__ import annotations

from typing import Final, NamedTuple

BOXES_MAX: Final = 60
"""More boxes are more than a reader can follow."""


class Box(NamedTuple):
    """A box with a text; `look` is the name of how it looks (`engram.picture.style`).

    `size` in [0, 1] is how large its dot is, None for no dot. `told` is shown when one points at
    it.
    """

    key: str
    column: int
    look: str
    text: str
    caption: str = ""
    size: float | None = None
    told: str = ""


class Line(NamedTuple):
    """A line from one box to another; `kind` says how it looks, `weight` in [0, 1] how wide.

    `is_mutual`: it leads back as well. `name` is written beside it where there is room.
    """

    source: str
    target: str
    kind: str
    weight: float
    told: str = ""
    is_mutual: bool = False
    name: str = ""


class Row(NamedTuple):
    """A row of the table below the picture on a page."""

    cells: tuple[str, ...]


class Scene(NamedTuple):
    """A whole picture; the boxes of the first columns are shown in this order.

    Those of the columns after them are moved next to what leads to them.
    """

    title: str
    summary: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    head: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
