"""How answers look on a terminal: calm tables, one red sentence for an error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from engram.edges.cli.excerpt import excerpt, runs
from engram.model.explanation import Branch, branches

if TYPE_CHECKING:
    from datetime import datetime

    from rich.progress import Progress

    from engram.model.health import SpaceHealth
    from engram.model.memory import Memory
    from engram.model.recollection import Recollection
    from engram.service.backups import BackupInfo

# Below 110 columns a text gets a third line, so that as much of it is seen.
_WIDE_COLUMNS: Final = 110
_TEXT_LINES: Final = 2
_TEXT_LINES_NARROW: Final = 3
# What stands left of the text in a table of recollections, gaps included.
_PARTS_COLUMNS: Final = 31
_LISTING_COLUMNS: Final = 40
_DAY_COLUMNS: Final = 10
_MINUTE_COLUMNS: Final = 16
_TEXT_COLUMNS_MIN: Final = 24
# A cell that stays in one line, such as a number or a time.
_SHORT_COLUMNS: Final = 16
# As wide as every terminal is.
_NARROW_COLUMNS: Final = 80
# What a line loses at its end because words stay whole.
_LINE_LOSS: Final = 4


class QuietConsole(Console):
    """A console that leaves a closed pipe to the caller instead of exiting the process."""

    def on_broken_pipe(self) -> NoReturn:
        """Tell whoever runs the command that nobody reads any more."""
        raise BrokenPipeError


def make_console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or standard error; NO_COLOR is honoured."""
    return QuietConsole(stderr=stderr, highlight=False, soft_wrap=False, emoji=False, markup=False)


def day(time: datetime) -> str:
    """Return the day of a time, and its minute where it has one."""
    if time.hour == time.minute == time.second == 0:
        return f"{time:%Y-%m-%d}" if time.year >= 1000 else time.date().isoformat()  # noqa: PLR2004
    return time.isoformat(sep=" ", timespec="minutes").removesuffix("+00:00")


def recollections(console: Console, hits: Sequence[Recollection], *, explain: bool) -> Table:
    """Return the table of recalled memories: score, its parts, when, and the text."""
    table = _table()
    table.add_column("score", justify="right", no_wrap=True, style="bold")
    for part in ("meaning", "words", "left"):
        table.add_column(part, justify="right", no_wrap=True)
    room = _text_room(console, _PARTS_COLUMNS + _add_when(table, console))
    table.add_column("memory", ratio=1)
    for hit in hits:
        parts = hit.parts
        table.add_row(
            f"{hit.score:.2f}",
            f"{parts['similarity']:.2f}" if parts["similarity"] else "-",
            f"{parts['lexical']:.1f}" if parts["lexical"] else "-",
            f"{parts['retrievability']:.0%}",
            day(hit.memory.occurred_at),
            _recalled_text(hit, room, explain=explain),
        )
    return table


def _recalled_text(hit: Recollection, room: int, *, explain: bool) -> RenderableType:
    text = Text(overflow="fold")
    for run, shared in runs(
        excerpt(hit.memory.content, hit.matched_terms, room), hit.matched_terms
    ):
        text.append(run, style="bold" if shared else "")
    if not explain:
        return text
    low, high = hit.confidence_interval
    text.append(f"\n{hit.memory.id}", style="dim")
    text.append(f"\n{hit.explanation}", style="dim")
    text.append(
        f"\n{hit.group}, relevance {hit.relevance:.2f}, "
        f"confidence {hit.confidence:.2f} ({low:.2f} to {high:.2f})",
        style="dim",
    )
    if hit.cites:
        text.append(f"\nformed of {', '.join(hit.cites)}", style="dim")
    trees = branches(hit.paths or (hit.path,))
    return Group(text, *(_way_tree(tree, hit.memory.id) for tree in trees))


def _way_tree(branch: Branch, memory_id: str) -> Tree:
    """Return the ways to a memory that begin with a step as a tree to print."""
    tree = Tree(Text(branch.step.told_of(memory_id), style="cyan"), guide_style="dim")
    _grow(tree, branch, memory_id)
    return tree


def _grow(tree: Tree, branch: Branch, memory_id: str) -> None:
    for each in branch.following:
        _grow(tree.add(Text(each.step.told_of(memory_id))), each, memory_id)


def memories(console: Console, rows: Iterable[Memory]) -> Table:
    """Return the table of a listing: id, when, tags and text."""
    table = _table()
    table.add_column("id", no_wrap=True, style="dim")
    room = _text_room(console, _LISTING_COLUMNS + _add_when(table, console))
    table.add_column("memory", ratio=1)
    for memory in rows:
        text = Text(excerpt(memory.content, (), room) or "(no text)", overflow="fold")
        if memory.tags:
            text.append(f"\n{' '.join('#' + tag for tag in memory.tags)}", style="dim")
        table.add_row(memory.id, day(memory.occurred_at), text)
    return table


def backups(rows: Iterable[BackupInfo]) -> Table:
    """Return the table of backups: a line for each space of each."""
    table = _table()
    for column in ("backup", "made", "space"):
        table.add_column(column, overflow="fold")
    for column in ("memories", "LSN", "bytes"):
        table.add_column(column, justify="right", no_wrap=True)
    for backup in rows:
        if backup.damage is not None:
            table.add_row(backup.id, "", Text(backup.damage, style="red"), "", "", "")
        made = "" if backup.created_at is None else day(backup.created_at)
        for number, space in enumerate(backup.spaces):
            table.add_row(
                "" if number else backup.id,
                "" if number else made,
                space.space,
                f"{space.memories:,}",
                f"{space.lsn:,}",
                f"{space.bytes_count:,}",
            )
    return table


def space_standings(rows: Iterable[SpaceHealth]) -> Table:
    """Return the table of how spaces stand, a line each."""
    table = _table()
    table.add_column("space", overflow="fold")
    table.add_column("phase", no_wrap=True)
    columns = ("memories", "concepts", "hot", "warm", "cold", "pressure", "LSN", "snapshot")
    for column in (*columns, "lag ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in rows:
        counts = (each.memories, each.concepts, each.hot, each.warm, each.cold)
        numbers = [f"{number:,}" for number in counts]
        numbers += [f"{each.pressure:.1%}", f"{each.lsn:,}", f"{each.checkpoint_lsn:,}"]
        numbers.append(f"{each.wal_lag_ms:,.1f}")
        table.add_row(each.space, each.phase, *(numbers if each.phase == "ready" else ()))
    return table


def table_of(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> Table:
    """Return lines of cells under their columns; the last column takes the room that is left.

    Where little is left the others make room for the beginning of it.
    """
    table, cells = _table(), list(lines)
    widths = [max([len(name), *(len(line[at]) for line in cells)])
              for at, name in enumerate(columns)]  # fmt: skip
    # Where no rest is left, all that are long give way: none would for one that takes it.
    least = min(widths[-1], _TEXT_COLUMNS_MIN)
    has_rest = sum(widths[:-1]) + 2 * len(widths) + least <= _NARROW_COLUMNS
    for name, width in zip(columns[:-1], widths[:-1], strict=True):
        table.add_column(name, overflow="fold", no_wrap=width <= _SHORT_COLUMNS)
    table.add_column(
        columns[-1],
        overflow="fold",
        ratio=1 if has_rest else None,
        no_wrap=widths[-1] <= _SHORT_COLUMNS,
    )
    for line in cells:
        table.add_row(*map(Text, line))
    return table


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Return names and values in two aligned columns."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, value)
    return table


def progress_bar(console: Console) -> Progress:
    """Return a bar with count and time; silent where no one watches."""
    from rich import progress  # noqa: PLC0415 - only long commands need it

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=None),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        console=console,
        expand=True,
        disable=not console.is_terminal,
    )


def _table() -> Table:
    return Table(box=None, expand=True, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")


def _add_when(table: Table, console: Console) -> int:
    """Add a column of times, in which a narrow screen has the minute below the day; its width."""
    width = _MINUTE_COLUMNS if console.width >= _WIDE_COLUMNS else _DAY_COLUMNS
    table.add_column("when", style="cyan", width=width, overflow="fold")
    return width


def _text_room(console: Console, taken: int) -> int:
    lines = _TEXT_LINES if console.width >= _WIDE_COLUMNS else _TEXT_LINES_NARROW
    return (max(_TEXT_COLUMNS_MIN, console.width - taken) - _LINE_LOSS) * lines
