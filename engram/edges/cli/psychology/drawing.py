"""Draws outcomes beside what was published; needs matplotlib, of the extra [plot]."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from engram.edges.cli.psychology.outcome import Chart, Outcome

_COLUMNS: Final = 2
_WIDTH_INCHES, _HEIGHT_INCHES = 6.0, 4.2
_MARGIN_FACTOR: Final = 0.28


def check_drawing(path: Path) -> None:
    """Raise InvalidRequest unless a picture can be drawn to `path`."""
    if path.suffix.lower() not in {".svg", ".png", ".pdf"}:
        raise InvalidRequest(f"{path} is neither .svg nor .png nor .pdf")
    if find_spec("matplotlib") is None:
        raise InvalidRequest(
            "drawing needs matplotlib: install it with `pip install 'engram-memory-engine[plot]'`"
        )


def draw(found: Sequence[Outcome], path: Path) -> None:
    """Draw the chart of each outcome, two in a row, the same bytes for the same outcomes."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra, and heavy
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    rows = -(-len(found) // _COLUMNS)
    columns = min(len(found), _COLUMNS)
    with mpl.rc_context({"svg.hashsalt": "engram", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(
            figsize=(columns * _WIDTH_INCHES, rows * _HEIGHT_INCHES), layout="constrained"
        )
        places = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
        for axes, outcome in zip(places, found, strict=False):
            axes.set_title(f"{outcome.name}: {outcome.source}")
            _chart(axes, outcome.chart)
        for axes in places[len(found) :]:
            axes.set_axis_off()
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        figure.savefig(path, metadata=metadata)


def _chart(axes: Any, chart: Chart) -> None:
    for line in chart.lines:
        xs, ys = zip(*line.points, strict=True)
        style = {"marker": "x", "linestyle": "", "color": "black", "zorder": 3}
        if not line.is_published:
            style = {"marker": "o", "markersize": 3 if line.is_connected else 6}
            style |= {} if line.is_connected else {"linestyle": ""}
        axes.plot(xs, ys, label=line.label, **style)
    if chart.is_x_logarithmic:
        axes.set_xscale("log")
    lowest = min(point.y for line in chart.lines for point in line.points)
    if lowest > 0:
        top = max(point.y for line in chart.lines for point in line.points)
        axes.set_ylim(bottom=max(0.0, lowest - _MARGIN_FACTOR * (top - lowest)))
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8)
