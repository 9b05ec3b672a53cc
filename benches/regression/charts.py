"""Draws each kernel call against the roofline of this machine; needs the extra `plot`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib as mpl

from benches.regression import ratios, roofline
from benches.regression.runner import machine
from benches.regression.workloads import WORKLOADS, Workload
from engram.kernels.selection import select_backend

mpl.use("svg")
from matplotlib import pyplot as plt

_BLOCKS: Final = 40
_ATTRIBUTE: Final = re.compile(r'(?<= )(?:d|x|y|transform|xlink:href)="[^"]*"')
_LONG_NUMBER: Final = re.compile(r"-?\d+\.\d{3,}")
_INK, _FAINT = "#222222", "#8a8a8a"
_DOT: Final = "#2f6f9f"
_GUIDE: Final = {"color": "#e4e4e4", "linewidth": 0.8, "zorder": 0}
_PATCH: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
_ROUND_FROM: Final = 1_000
_ROOFS: Final = {"L1": "#a8a8a8", "L2": "#858585", "L3": "#5f5f5f", "DRAM": "#333333"}
_STYLE: Final = {
    "svg.fonttype": "none",  # text stays text: small files that can be searched
    "svg.hashsalt": "engram",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _FAINT,
    "xtick.color": _FAINT,
    "text.color": _INK,
    "axes.labelcolor": _INK,
}


class Point(NamedTuple):
    """One kernel call as it was measured."""

    workload: Workload
    microseconds: float

    @property
    def gigabytes_per_s(self) -> float:
        """What it reads and writes."""
        return self.workload.bytes / self.microseconds / 1e3

    @property
    def gigaoperations_per_s(self) -> float:
        """What it computes."""
        return self.workload.operations / self.microseconds / 1e3


def draw(out: Path) -> list[Path]:
    """Measure every workload and the machine, and return the charts written into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    roof = roofline.measure()
    points = [Point(workload, _microseconds(workload)) for workload in WORKLOADS]
    here = machine()
    title = f"{here.cpu}, one core, Zig kernels at {here.isa}; best of {_BLOCKS} blocks"
    return write(points, roof, title, out)


def write(points: list[Point], roof: roofline.Roofline, title: str, out: Path) -> list[Path]:
    """Write what was measured as two charts into `out` and return their paths."""
    with mpl.rc_context(_STYLE):
        return [
            _write(_times(points, roof, title), out / "kernel_times.svg"),
            _write(_roofline(points, roof, title), out / "kernel_roofline.svg"),
        ]


def _microseconds(workload: Workload) -> float:
    kernels = select_backend("zig")
    call = workload.prepare()
    calls = ratios.calls_per_block(call, kernels)
    return min(ratios.timed(call, kernels, calls) for _ in range(_BLOCKS)) / 1_000


def _times(points: list[Point], roof: roofline.Roofline, title: str) -> Any:
    """Three panels: time a call, bytes a second, operations a second."""
    figure, panels = plt.subplots(
        1, 3, sharey=True, figsize=(11, 1.4 + 0.24 * len(points)), layout="constrained"
    )
    figure.suptitle(title, fontsize=10)
    names = [point.workload.name for point in points]
    columns = (
        ("microseconds a call", [point.microseconds for point in points]),
        ("GB/s", [point.gigabytes_per_s for point in points]),
        ("GFLOP/s", [point.gigaoperations_per_s for point in points]),
    )
    peak = {"peak": roof.gigaoperations_per_s}
    roofs: tuple[dict[str, float], ...] = ({}, roof.gigabytes_per_s, peak)
    for panel, (label, values), bounds in zip(panels, columns, roofs, strict=True):
        shown = [*filter(None, values), *bounds.values()]
        panel.set(xscale="log", xlim=(min(shown) / 2, max(shown) * 2.5), xlabel=label)
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_formatter("")
        drawn = [(row, value) for row, value in enumerate(values) if value]
        panel.hlines(range(len(names)), 0, 1, transform=panel.get_yaxis_transform(), **_GUIDE)
        panel.plot(
            [value for _, value in drawn], [row for row, _ in drawn], "o", color=_DOT, markersize=5
        )
        for row, value in drawn:
            panel.annotate(
                f"{value:,.3g}" if value < _ROUND_FROM else f"{value:,.0f}", (value, row),
                xytext=(5, 0), textcoords="offset points", va="center", fontsize=7, bbox=_PATCH,
            )  # fmt: skip
        for level, value in bounds.items():
            _bound(panel, value, level)
        panel.tick_params(axis="y", length=0)
        panel.set_yticks(range(len(names)), names)
        panel.margins(y=0.02)
    panels[0].invert_yaxis()
    return figure


def _bound(panel: Any, value: float, label: str) -> None:
    colour = _ROOFS.get(label, _INK)
    panel.axvline(value, color=colour, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
    panel.annotate(
        f"{label}\n{value:,.0f}", (value, 1), xycoords=("data", "axes fraction"), xytext=(0, 2),
        textcoords="offset points", ha="center", va="bottom", fontsize=6.5, color=colour,
    )  # fmt: skip


def _roofline(points: list[Point], roof: roofline.Roofline, title: str) -> Any:
    """Operations a second over operations a byte, under the bounds of the machine."""
    figure, panel = plt.subplots(figsize=(9, 6), layout="constrained")
    figure.suptitle(title, fontsize=10)
    computing = [point for point in points if point.workload.operations]
    densities = [point.workload.operations / point.workload.bytes for point in computing]
    least, most = min(densities) / 2, max(max(densities) * 4, 16.0)
    peak = roof.gigaoperations_per_s
    for level, bandwidth in roof.gigabytes_per_s.items():
        ridge = peak / bandwidth
        panel.plot(
            [least, ridge, most], [least * bandwidth, peak, peak], color=_ROOFS[level], linewidth=1
        )
        panel.annotate(
            f"{level} {bandwidth:,.0f} GB/s", (least, least * bandwidth), xytext=(4, 6),
            textcoords="offset points", fontsize=7.5, color=_ROOFS[level],
        )  # fmt: skip
    panel.annotate(
        f"{peak:,.0f} GFLOP/s, multiply-add", (most, peak), xytext=(-4, 4), ha="right",
        textcoords="offset points", fontsize=7.5,
    )  # fmt: skip
    for number, (point, density) in enumerate(zip(computing, densities, strict=True), 1):
        reached = point.gigaoperations_per_s
        judged = point.workload.judged
        label = f"{number} {point.workload.name}, {reached:,.1f} GFLOP/s"
        face = _DOT if judged else "white"
        panel.plot(
            density, reached, "o", markersize=5, markeredgecolor=_DOT, markerfacecolor=face,
            label=label, linestyle="none",
        )  # fmt: skip
        panel.annotate(
            str(number), (density, reached), xytext=(5, -2), textcoords="offset points", fontsize=7
        )
    panel.set(xscale="log", yscale="log", xlim=(least, most))
    panel.set_xlabel("operations a byte (of what a call has to read and write)")
    panel.set_ylabel("GFLOP/s")
    figure.legend(
        loc="outside right upper", fontsize=7, frameon=False, handlelength=1,
        title="filled: data in L2, empty: beyond", title_fontsize=7.5,
    )  # fmt: skip
    return figure


def _write(figure: Any, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    drawn = path.read_text(encoding="utf-8")
    # A hundredth of a point is fine enough, and keeps the file small.
    short = _ATTRIBUTE.sub(lambda found: _shortened(found[0]), drawn)
    path.write_text(short, encoding="utf-8")
    return path


def _shortened(attribute: str) -> str:
    return _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", attribute)
