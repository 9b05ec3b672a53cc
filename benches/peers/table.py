"""Tables of what was measured: for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benches.peers.rounds import ENGRAM, FLOOR, Row

_HEADINGS = ("work", "engram us", "peers: us, times engram's [p10, p90]", "of floor", "goal", "")


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print the rows."""
    table = Table(*_HEADINGS, show_lines=True)
    for row in rows:
        table.add_row(*_cells(row, "\n"), style="" if row.is_reached is not False else "bold")
    console.print(table)


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a table of Markdown."""
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|---" * len(_HEADINGS) + "|"]
    lines += ["| " + " | ".join(_cells(row, "<br>")) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cells(row: Row, newline: str) -> tuple[str, ...]:
    peers = sorted(
        (name for name in row.speeds if name not in (ENGRAM, FLOOR)),
        key=lambda name: row.speeds[name].ratio,
    )
    lines = []
    for name in peers:
        speed = row.speeds[name]
        spread = f"[{speed.ratio_p10:.2f}, {speed.ratio_p90:.2f}]"
        lines.append(f"{name} {_us(speed.call_us)}, {speed.ratio:.2f} x {spread}")
    lines += [f"{name} {value:.4g}" for name, value in row.notes.items()]
    floor = row.speeds.get(FLOOR)
    goals = [] if row.goal is None else [f"{row.goal:g} x {row.best_peer}"]
    goals += [] if row.floor_goal is None else [f"{row.floor_goal:.0%} of floor"]
    goals += [] if row.limit_us is None else [f"{row.limit_us:g} us"]
    verdict = {None: "", True: "yes", False: "NO"}[row.is_reached]
    ours = _us(row.speeds[ENGRAM].call_us)
    share = "" if floor is None else f"{floor.ratio:.0%}"
    return (row.name, ours, newline.join(lines), share, newline.join(goals), verdict)


def _us(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004 - digits to show
