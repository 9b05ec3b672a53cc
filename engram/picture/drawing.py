"""A scene as SVG: one element without links to anything outside, its own style sheet within."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.picture.layout import (
    CUE,
    FONT,
    LEADING,
    MARGIN,
    SMALL,
    Curve,
    Laid,
    Placed,
    laid_out,
)
from engram.picture.lettering import escaped, lines_of, width
from engram.picture.style import OTHER, STROKES, rules

if TYPE_CHECKING:
    from engram.picture.scene import Scene

_WIDTH_MIN: Final = 640.0
_TITLE: Final = 17.0
_FONTS: Final = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
_DOT_MIN: Final = 3.5
_DOT_MAX: Final = 9.5
_ARROW: Final = 7.0
_LABELLED_MAX: Final = 16  # more lines than that have their kind in the legend alone
_LABEL_PLACES: Final = (0.5, 0.38, 0.62, 0.28, 0.72)
_LEGEND_LINE: Final = 30.0
_LOOK_NAMES: Final = {
    "vivid": "vivid: owes its place to the cue",
    "associated": "associated: brought by others",
    "reconstructed": "reconstructed: made of others",
    "passed": "on the way, not listed",
    "concept": "entity or tag",
}


def drawn(scene: Scene) -> str:
    """Return a scene as an `<svg>` element, for a file of its own or within a page."""
    columns = {box.column for box in scene.boxes}
    room = max(_WIDTH_MIN, 400.0 * len(columns)) - 2 * MARGIN
    head = _head(scene, room)
    top = MARGIN + 26 + LEADING * (len(head) - 1) + 18
    laid = laid_out(scene, top)
    full = max(_WIDTH_MIN, laid.width)
    legend, bottom = _legend(laid, full, laid.height + 22)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="engram-picture" role="img" '
            f'aria-label="{escaped(scene.title)}" viewBox="0 0 {_n(full)} {_n(bottom)}" '
            f'width="{_n(full)}" height="{_n(bottom)}" font-family="{escaped(_FONTS)}" '
            f'font-size="{_n(FONT)}">'
        ),
        f"<title>{escaped(scene.title)}</title><desc>{escaped(_description(scene))}</desc>",
        f"<style>{rules()}</style>",
        f'<rect class="paper" width="{_n(full)}" height="{_n(bottom)}"/>',
        *head,
        "<g>",
        *map(_curve, laid.curves),
        "</g><g>",
        *map(_box, laid.boxes),
        "</g>",
        *_labels(laid),
        *legend,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _n(number: float) -> str:
    """Return a length as short as it can be written, to a tenth."""
    return f"{number:.1f}".removesuffix(".0")


def _head(scene: Scene, room: float) -> list[str]:
    (title,) = lines_of(scene.title, room, _TITLE, 1) or [""]
    y = MARGIN + 10
    parts = [
        (
            f'<text class="head" x="{_n(MARGIN)}" y="{_n(y)}" font-size="{_n(_TITLE)}" '
            f'font-weight="600">{escaped(title)}</text>'
        )
    ]
    for number, line in enumerate(lines_of(scene.summary, room, FONT, 2)):
        below = y + 22 + LEADING * number
        parts.append(f'<text class="quiet" x="{_n(MARGIN)}" y="{_n(below)}">{escaped(line)}</text>')
    return parts


def _description(scene: Scene) -> str:
    """Return in words what the picture shows, for those who do not see it."""
    names = {box.key: box.text for box in scene.boxes}
    listed = [f"{box.text} ({box.caption})" for box in scene.boxes if box.caption]
    ways = [
        f"{names[line.source]} leads to {names[line.target]} ({line.kind})"
        for line in scene.lines
        if line.kind != CUE
    ]
    return f"{scene.summary} {'; '.join(listed + ways)}"


def _curve(curve: Curve) -> str:
    line, (begin, one, two, end) = curve.line, curve.points
    kind = line.kind if line.kind in STROKES else "other"
    dashes = STROKES.get(line.kind, OTHER).dashes
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    towards = 1 if curve.turns else -1
    x, y = end
    base = x + towards * _ARROW
    arrow, first = _arrow(end, base), begin
    if line.is_mutual:
        first = (begin[0] + (_ARROW if one[0] > begin[0] else -_ARROW), begin[1])
        arrow += _arrow(begin, first[0])
    path = f"M{_p(first)}C{_p(one)} {_p(two)} {_p((base, y))}"
    told = f"<title>{escaped(line.told)}</title>" if line.told else ""
    return (
        f'<g class="line">{told}<path class="k-{kind}" d="{path}" fill="none" '
        f'stroke-width="{_n(1.1 + 1.7 * min(1.0, line.weight))}" stroke-linecap="round"{dashed}/>'
        f'<path class="e-{kind}" d="{arrow}"/></g>'
    )


def _arrow(tip: tuple[float, float], base: float) -> str:
    """Return a triangle from `base` to a tip beside it."""
    x, y = tip
    half = _ARROW * 0.55
    return f"M{_p((x, y))}L{_p((base, y - half))}L{_p((base, y + half))}Z"


def _p(point: tuple[float, float]) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _box(placed: Placed) -> str:
    box, x = placed.box, placed.x + (14 if placed.box.look == "concept" else 10)
    round_corners = placed.height / 2 if box.look == "concept" else 8
    told = escaped(box.told or box.text)
    parts = [
        f'<g class="{box.look}"><title>{told}</title>',
        (
            f'<rect x="{_n(placed.x)}" y="{_n(placed.y)}" width="{_n(placed.width)}" '
            f'height="{_n(placed.height)}" rx="{_n(round_corners)}" stroke-width="1.4"/>'
        ),
    ]
    if box.size is not None:
        radius = _DOT_MIN + (_DOT_MAX - _DOT_MIN) * min(1.0, max(0.0, box.size)) ** 0.5
        parts.append(f'<circle cx="{_n(x + 9)}" cy="{_n(placed.middle)}" r="{_n(radius)}"/>')
        x += 30
    is_beside = bool(placed.caption) and placed.height < 2 * LEADING
    rows = len(placed.text) + bool(placed.caption and not is_beside)
    y = placed.middle - LEADING * (rows - 1) / 2 + FONT * 0.36
    for number, line in enumerate(placed.text):
        parts.append(_text(x, y + LEADING * number, line))
    if is_beside:
        right = placed.x + placed.width - 10
        parts.append(_text(right, y, placed.caption, f'font-size="{_n(SMALL)}" text-anchor="end"'))
    elif placed.caption:
        below = y + LEADING * len(placed.text)
        parts.append(_text(x, below, placed.caption, f'font-size="{_n(SMALL)}" opacity="0.86"'))
    return "".join(parts) + "</g>"


def _text(x: float, y: float, text: str, more: str = "") -> str:
    attributes = f" {more}" if more else ""
    return f'<text x="{_n(x)}" y="{_n(y)}"{attributes}>{escaped(text)}</text>'


def _labels(laid: Laid) -> list[str]:
    """Return the names of lines, where they do not cover each other or a box."""
    if sum(curve.line.kind != CUE for curve in laid.curves) > _LABELLED_MAX:
        return []
    named = [curve for curve in laid.curves if curve.line.name]
    taken = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in laid.boxes]
    parts = []
    for curve in named:
        half = width(curve.line.name, SMALL) / 2
        for share in _LABEL_PLACES:
            x, y = _at(curve.points, share)
            place = (x - half, y - 7.0, x + half, y + 7.0)
            if not any(_overlap(place, other) for other in taken):
                taken.append(place)
                halo = 'class="halo" stroke-width="4" stroke-linejoin="round" fill="none"'
                common = f'font-size="{_n(SMALL)}" text-anchor="middle"'
                parts.append(_text(x, y + 4, curve.line.name, f"{halo} {common}"))
                parts.append(_text(x, y + 4, curve.line.name, f'class="name" {common}'))
                break
    return parts


def _at(points: tuple[tuple[float, float], ...], share: float) -> tuple[float, float]:
    weights = (
        (1 - share) ** 3,
        3 * share * (1 - share) ** 2,
        3 * share**2 * (1 - share),
        share**3,
    )
    x, y = (
        sum(weight * point[axis] for weight, point in zip(weights, points, strict=True))
        for axis in (0, 1)
    )
    return x, y


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    apart = one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1]
    return not apart


def _legend(laid: Laid, full: float, top: float) -> tuple[list[str], float]:
    """Return what the looks and kinds in the picture stand for, and where the picture ends."""
    looks = [look for look in _LOOK_NAMES if any(each.box.look == look for each in laid.boxes)]
    kinds = [kind for kind in STROKES if any(each.line.kind == kind for each in laid.curves)]
    entries = [(look, _LOOK_NAMES[look], False) for look in looks]
    entries += [(kind, "likeness to the cue" if kind == CUE else kind, True) for kind in kinds]
    parts, x, y = [], MARGIN, top
    for name, words, is_line in entries:
        step = 46 + width(words, SMALL)
        if x + step > full - MARGIN and x > MARGIN:
            x, y = MARGIN, y + 20
        parts.append(_line_sample(name, x, y) if is_line else _box_sample(name, x, y))
        parts.append(_text(x + 28, y + 4, words, f'class="quiet" font-size="{_n(SMALL)}"'))
        x += step
    return parts, y + (_LEGEND_LINE if entries else 0)


def _box_sample(look: str, x: float, y: float) -> str:
    corner = 5 if look == "concept" else 3
    return (
        f'<g class="{look}"><rect x="{_n(x)}" y="{_n(y - 5)}" width="22" height="10" '
        f'rx="{corner}" stroke-width="1.4"/></g>'
    )


def _line_sample(kind: str, x: float, y: float) -> str:
    dashes = STROKES[kind].dashes
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<path class="k-{kind}" d="M{_n(x)},{_n(y)}h22" fill="none" stroke-width="2" '
        f'stroke-linecap="round"{dashed}/>'
    )
