"""Where boxes stand and lines run: columns from left to right, no two boxes over each other.

The same scene is always laid out the same way. From the third column on boxes are moved next to
what they are joined with (the barycentre method: Sugiyama, Tagawa and Toda, "Methods for visual
understanding of hierarchical system structures", 1981); lines leave and reach a box side by side.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from engram.picture.lettering import cut, lines_of, width

if TYPE_CHECKING:
    from engram.picture.scene import Box, Line, Scene

FONT: Final = 13.0
SMALL: Final = 11.0
LEADING: Final = 17.0
MARGIN: Final = 28.0
_BOX_WIDTH: Final = 264.0
_TIGHT_WIDTH: Final = 348.0
_CUE_WIDTH: Final = 168.0
_GAP: Final = 140.0  # between two columns: room for a curve and its name
_SPACE: Final = 16.0  # between two boxes of a column
_TIGHT_SPACE: Final = 7.0
_PADDING: Final = 10.0
_PILL_PADDING: Final = 14.0
_DOT_ROOM: Final = 30.0
_TIGHT_COLUMN: Final = 12  # longer columns have boxes of a line each
_FIXED_COLUMNS: Final = 2  # the cue, and what it found: best first
_PORT_MARGIN: Final = 7.0
CUE: Final = "cue"


class Placed(NamedTuple):
    """A box where it stands: the left upper corner, its size, and its text in lines."""

    box: Box
    x: float
    y: float
    width: float
    height: float
    text: tuple[str, ...]
    caption: str

    @property
    def middle(self) -> float:
        """How far down its middle is."""
        return self.y + self.height / 2


class Curve(NamedTuple):
    """A line as a cubic curve: begin, two control points, end; `turns` where it ends leftwards."""

    line: Line
    points: tuple[tuple[float, float], ...]
    turns: bool


class Laid(NamedTuple):
    """A whole scene laid out, and how wide and high it is."""

    boxes: tuple[Placed, ...]
    curves: tuple[Curve, ...]
    width: float
    height: float


def laid_out(scene: Scene, top: float) -> Laid:
    """Return where everything of a scene is, below `top`."""
    columns = _ordered(scene)
    placed: dict[str, Placed] = {}
    x, bottom = MARGIN, top
    stacks = []
    for column in columns:
        stack = _stack(column, x)
        stacks.append(stack)
        x += max(each.width for each in stack) + _GAP
        bottom = max(bottom, top + _height(stack))
    for stack in stacks:
        y = top + (bottom - top - _height(stack)) / 2
        space = _space(stack)
        for each in stack:
            placed[each.box.key] = each._replace(y=round(y, 1))
            y += each.height + space
    curves = _curves(scene.lines, placed)
    # A curve stays within three quarters of the way to its control points.
    aside = max((max(_between(curve.points)) for curve in curves), default=0.0)
    return Laid(tuple(placed.values()), curves, max(x - _GAP, aside) + MARGIN, bottom)


def _between(points: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    ends = max(points[0][0], points[3][0])
    return ends, ends + 0.75 * (max(points[1][0], points[2][0]) - ends)


def _ordered(scene: Scene) -> list[list[Box]]:
    """Return the boxes column by column, in the order they stand below each other."""
    by_column: dict[int, list[Box]] = defaultdict(list)
    for box in scene.boxes:
        by_column[box.column].append(box)
    columns = [by_column[number] for number in sorted(by_column)]
    joined: dict[str, set[str]] = defaultdict(set)
    for line in scene.lines:
        joined[line.source].add(line.target)
        joined[line.target].add(line.source)
    for number in range(_FIXED_COLUMNS, len(columns)):
        columns[number] = _sorted(columns[number], columns[number - 1], joined)
    return columns


def _sorted(column: list[Box], beside: list[Box], joined: dict[str, set[str]]) -> list[Box]:
    share = {box.key: (place + 0.5) / len(beside) for place, box in enumerate(beside)}
    own = {box.key: (place + 0.5) / len(column) for place, box in enumerate(column)}

    def centre(box: Box) -> float:
        found = [share[key] for key in joined[box.key] if key in share]
        return sum(found) / len(found) if found else own[box.key]

    return sorted(column, key=lambda box: (round(centre(box), 9), own[box.key]))


def _stack(column: list[Box], x: float) -> list[Placed]:
    is_tight = len(column) > _TIGHT_COLUMN
    return [_sized(box, x, is_tight=is_tight) for box in column]


def _sized(box: Box, x: float, *, is_tight: bool) -> Placed:
    full = _TIGHT_WIDTH if is_tight else _BOX_WIDTH
    if box.look == CUE:
        full = _CUE_WIDTH
    room = full - 2 * _PADDING - (_DOT_ROOM if box.size is not None else 0)
    if box.look == "concept":
        text = cut(box.text, room, FONT)
        return Placed(box, x, 0, width(text, FONT) + 2 * _PILL_PADDING, LEADING + 10, (text,), "")
    if is_tight:
        caption = box.caption.split(" ", maxsplit=1)[0]
        text = cut(box.text, room - width(caption, SMALL) - 8, FONT)
        return Placed(box, x, 0, full, LEADING + 12, (text,), caption)
    lines = lines_of(box.text, room, FONT, 4 if box.look == CUE else 2)
    caption = cut(box.caption, room, SMALL)
    height = 2 * _PADDING + LEADING * len(lines) + (LEADING - 2 if caption else 0)
    return Placed(box, x, 0, full, height, tuple(lines), caption)


def _space(stack: list[Placed]) -> float:
    return _TIGHT_SPACE if len(stack) > _TIGHT_COLUMN else _SPACE


def _height(stack: list[Placed]) -> float:
    return sum(each.height for each in stack) + _space(stack) * (len(stack) - 1)


class _Ends(NamedTuple):
    """Which side of which box a line leaves and reaches: 1 the right one, 0 the left one."""

    source: tuple[str, int]
    target: tuple[str, int]


def _curves(lines: tuple[Line, ...], placed: dict[str, Placed]) -> tuple[Curve, ...]:
    ends = [_ends(placed[line.source], placed[line.target]) for line in lines]
    ports = _ports(lines, ends, placed)
    curves = []
    for number, line in enumerate(lines):
        source, target = placed[line.source], placed[line.target]
        begin = (_side(source, ends[number].source[1]), ports[number, 0])
        end = (_side(target, ends[number].target[1]), ports[number, 1])
        curves.append(_curve(line, begin, end, ends[number]))
    return tuple(curves)


def _ends(source: Placed, target: Placed) -> _Ends:
    is_back = target.x < source.x
    return _Ends(
        (source.box.key, 0 if is_back else 1), (target.box.key, 0 if target.x > source.x else 1)
    )


def _side(box: Placed, side: int) -> float:
    return box.x + box.width * side


def _ports(
    lines: tuple[Line, ...], ends: list[_Ends], placed: dict[str, Placed]
) -> dict[tuple[int, int], float]:
    """Return how far down each line leaves (0) and reaches (1) its boxes."""
    at: dict[tuple[str, int], list[tuple[float, int, int]]] = defaultdict(list)
    for number, (line, end) in enumerate(zip(lines, ends, strict=True)):
        at[end.source].append((placed[line.target].middle, number, 0))
        at[end.target].append((placed[line.source].middle, number, 1))
    ports = {}
    for (key, _), those in at.items():
        box = placed[key]
        room = box.height - 2 * _PORT_MARGIN
        for place, (_, number, which) in enumerate(sorted(those), start=1):
            share = place / (len(those) + 1)
            ports[number, which] = box.y + _PORT_MARGIN + room * share
    return ports


def _curve(line: Line, begin: tuple[float, float], end: tuple[float, float], ends: _Ends) -> Curve:
    leaves, reaches = (1 if ends.source[1] else -1), (1 if ends.target[1] else -1)
    if leaves == reaches:  # within one column: out to the side and back
        aside = max(begin[0], end[0]) + min(_GAP * 0.62, 34 + abs(end[1] - begin[1]) * 0.12)
        points = (begin, (aside, begin[1]), (aside, end[1]), end)
    else:
        reach = max(_GAP * 0.5, abs(end[0] - begin[0]) * 0.5)
        points = (
            begin,
            (begin[0] + leaves * reach, begin[1]),
            (end[0] + reaches * reach, end[1]),
            end,
        )
    return Curve(line, points, reaches > 0)
