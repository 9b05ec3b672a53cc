"""Draws sampled stacks: a box for each call, as wide as its share of the samples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

from benches.profiles.stacks import Stack

_SHARE_MIN: Final = 0.004  # narrower boxes are not drawn
_LABEL_SHARE_MIN: Final = 0.03
_LABEL_CHARACTERS: Final = 190  # that fit across the whole width
_KERNEL: Final = "#d95f0e"
_ENGRAM: Final = "#fec44f"
_OTHER: Final = "#dddddd"


def draw(seen: Counter[Stack], title: str, path: Path) -> None:
    """Write a picture of the stacks; the ending of `path` says whether SVG or PNG."""
    import matplotlib as mpl  # noqa: PLC0415 - only drawing needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    mpl.rcParams["svg.hashsalt"] = "engram"  # the same stacks give the same file
    total = sum(seen.values())
    depth = _depth(seen, total)
    figure, axes = plt.subplots(figsize=(14, 0.8 + 0.26 * depth))
    for level in range(depth):
        _level(axes, seen, level, total)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, depth)
    axes.set_yticks([])
    axes.set_xlabel("share of samples")
    axes.set_title(title)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _level(axes: Any, seen: Counter[Stack], level: int, total: int) -> None:
    left = 0
    widths: Counter[tuple[int, Stack]] = Counter()
    for stack in sorted(seen):
        if len(stack) > level:
            prefix = stack[: level + 1]
            widths[(_start(widths, prefix, left), prefix)] += seen[stack]
        left += seen[stack]
    for (start, prefix), width in widths.items():
        share = width / total
        if share < _SHARE_MIN:
            continue
        frame = prefix[-1]
        axes.barh(
            level + 0.5,
            share,
            left=start / total,
            height=0.95,
            color=_colour(frame.name, frame.file),
        )
        if share >= _LABEL_SHARE_MIN:
            label = frame.label[: int(share * _LABEL_CHARACTERS)]
            axes.text(
                (start + width / 2) / total,
                level + 0.5,
                label,
                ha="center",
                va="center",
                fontsize=7,
            )


def _depth(seen: Counter[Stack], total: int) -> int:
    """Return how many levels have a box wide enough to be drawn."""
    deepest = max(len(stack) for stack in seen)
    for level in range(deepest, 1, -1):
        boxes: Counter[Stack] = Counter()
        for stack, count in seen.items():
            if len(stack) >= level:
                boxes[stack[:level]] += count
        if max(boxes.values()) >= _SHARE_MIN * total:
            return level
    return 1


def _start(widths: Counter[tuple[int, Stack]], prefix: Stack, left: int) -> int:
    """Return where the box of `prefix` begins: sorted stacks keep its samples side by side."""
    for start, known in reversed(widths):
        if known == prefix:
            return start
        break
    return left


def _colour(name: str, file: str) -> str:
    if name.startswith("Zig") or "engram_kernels" in name:
        return _KERNEL
    return _ENGRAM if file.endswith(".py") else _OTHER
