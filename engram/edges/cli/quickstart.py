"""`engram quickstart`: remember a real corpus, recall from it, and show how that went."""

from __future__ import annotations

import shlex
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from engram.edges.cli import corpus_reader
from engram.edges.cli.options import SpacePlace
from engram.edges.cli.wire import print_json, recollection_value

if TYPE_CHECKING:
    from engram.edges.cli.corpus_reader import Question
    from engram.edges.cli.session import Session
    from engram.model.recall_result import RecallResult
    from engram.service.preparing import NewMemory
    from engram.service.space import Space
    from engram.service.store import Engram

SPACE: Final = "quickstart"
# 20 passages a batch: each batch is one durable step of the bar, and Ctrl-C keeps what was done.
_BATCH_COUNT: Final = 20
_SHOWN_COUNT: Final = 3
_RECALLED_COUNT: Final = 5
_HERE: Final = SpacePlace()


@dataclass
class _Run:
    """What happened so far."""

    path: str = ""
    space: str = SPACE
    total: int = 0
    durable: int = 0
    created: int = 0
    held: int = 0
    seconds: float = 0.0
    syncs: int = 0
    kernels: tuple[str, str] = ("", "")
    embedder: tuple[str, int] = ("none", 0)
    answers: list[tuple[Question, RecallResult]] = field(default_factory=list)

    @property
    def memories_per_second(self) -> float:
        """Passages remembered a second, embedding and syncs included."""
        return self.durable / self.seconds

    @property
    def recall_ms_p50(self) -> float:
        """Median over the questions of a whole recall, embedding of the question included."""
        return statistics.median(r.timings_us["total"] for _, r in self.answers) / 1_000

    @property
    def answered_count(self) -> int:
        """Questions with an expected passage among the recalled."""
        return sum(_answered(question, result) for question, result in self.answers)


class Quickstart:
    """The command; it needs nothing but the package."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def quickstart(self, *, place: SpacePlace = _HERE) -> int:
        """Remember 460 bundled texts, recall from them, and show what happened.

        The texts go to the space `quickstart` of the store. A second run finds what is there.
        """
        settings = place.settings(place.space or SPACE)
        run = _Run(space=settings.memory_space)

        async def command() -> None:
            passages = corpus_reader.passages()
            run.total = len(passages)
            self._say_where_it_stopped(run)
            async with self._session.machine.open_store(settings=settings) as db:
                space = await db.space(settings.memory_space)
                self._describe(run, db)
                await self._remember(run, space, passages, quiet=place.json)
                await self._ask(run, space, quiet=place.json)

        self._session.run(command)
        try_next = self._try_next(place, run)
        if place.json:
            print_json(_value(run, try_next))
        else:
            self._conclude(run, try_next)
        return 0

    def _say_where_it_stopped(self, run: _Run) -> None:
        self._session.interrupted = (
            f"stopped with {run.durable} of {run.total} texts durable in space {run.space}; "
            "nothing acknowledged is lost, run it again to go on"
        )

    def _describe(self, run: _Run, db: Engram) -> None:
        run.path = db.path
        run.kernels = (db.kernels.name, db.kernels.isa)
        if db.embedder is not None:
            run.embedder = (db.embedder.identity, db.embedder.dimensions)

    async def _remember(
        self, run: _Run, space: Space, passages: list[NewMemory], *, quiet: bool
    ) -> None:
        from engram.edges.cli.screen import progress_bar  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        if not quiet:
            first, last = (passages[at]["occurred_at"].year for at in (0, -1))
            console.print(
                f"Remembering {run.total} passages of American presidents' annual messages, "
                f"{first} to {last}.\n"
            )
        syncs_before = (await space.stats()).syncs if await _exists(space) else 0
        bar = progress_bar(self._session.errors)
        with bar:
            task = bar.add_task("Remembering", total=run.total)
            started = time.perf_counter()
            for first in range(0, run.total, _BATCH_COUNT):
                part = passages[first : first + _BATCH_COUNT]
                done = await space.remember_many(part)
                run.durable += len(part)
                run.created += done.created_count
                bar.update(task, completed=run.durable)
                self._say_where_it_stopped(run)
            run.seconds = time.perf_counter() - started
        stats = await space.stats()
        run.syncs, run.held = stats.syncs - syncs_before, stats.memories
        if not quiet:
            console.print(_remembered_sentence(run))

    async def _ask(self, run: _Run, space: Space, *, quiet: bool) -> None:
        from rich.text import Text  # noqa: PLC0415 - not needed for --help

        from engram.edges.cli.screen import recollections  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        for number, question in enumerate(corpus_reader.questions(), 1):
            result = await space.recall(
                question.text,
                limit=_RECALLED_COUNT,
                explain=True,
                tags_all=question.tags,
                occurred_after=question.after,
                occurred_before=question.before,
            )
            run.answers.append((question, result))
            if quiet:
                continue
            title = Text.assemble("\n", (f"{number:>2}  {question.text}", "bold green"))
            if question.filter_text:
                title.append(f"   only {question.filter_text}", style="dim")
            console.print(title)
            console.print()
            shown = result.recollections[:_SHOWN_COUNT]
            console.print(recollections(console, shown, explain=False))

    def _conclude(self, run: _Run, try_next: list[str]) -> None:
        from engram.edges.cli.screen import facts  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        console.print("\nmeaning: cosine; words: BM25; left: after time.\n", style="dim")
        console.print(facts(_facts(run)))
        console.print("\nTry next", style="bold")
        for line in try_next:
            console.print(f"  {line}", soft_wrap=True)

    def _try_next(self, place: SpacePlace, run: _Run) -> list[str]:
        program = self._session.machine.program
        where = f" --space {run.space}"
        if place.data is not None:
            where += f" --data {shlex.quote(str(place.data))}"
        return [
            f'{program} recall "Who visited from France?" --explain{where}',
            f"{program} list --tag space --after 1950-01-01{where}",
            f'{program} remember "Ada Lovelace met Charles Babbage" --time 1833-06-05{where}',
        ]


def _facts(run: _Run) -> list[tuple[str, str]]:
    first_ms = run.answers[0][1].timings_us["total"] / 1_000
    remembered = (
        f"{run.memories_per_second:,.0f} memories/s, embedding and {run.syncs} syncs included"
    )
    recalled = (
        f"{run.recall_ms_p50:.1f} ms at the median, {first_ms:.0f} ms for the first; "
        f"{run.answered_count} of {len(run.answers)} answers among the first {_RECALLED_COUNT}"
    )
    dimensions = f", {run.embedder[1]} dimensions" if run.embedder[1] else ""
    return [
        ("remembered", remembered),
        ("recalled", recalled),
        ("kernels", f"{run.kernels[0]} ({run.kernels[1]})"),
        ("embedder", f"{run.embedder[0]}{dimensions}"),
        ("store", f"{run.path} (space {run.space})"),
    ]


async def _exists(space: Space) -> bool:
    from engram.model.errors import SpaceNotFound  # noqa: PLC0415 - not needed for --help

    try:
        await space.stats()
    except SpaceNotFound:
        return False
    return True


def _answered(question: Question, result: RecallResult) -> bool:
    return any(hit.memory.occurred_at.date().isoformat() in question.expected for hit in result)


def _remembered_sentence(run: _Run) -> str:
    if run.created == run.total:
        return f"All {run.total} are on the disk, in space {run.space}."
    if run.created == 0:
        return (
            f"All {run.total} are here from an earlier run: nothing was lost, and none is stored "
            f"twice (space {run.space} holds {run.held})."
        )
    return (
        f"{run.total - run.created} were here already; {run.created} were added "
        f"(space {run.space} holds {run.held})."
    )


def _value(run: _Run, try_next: list[str]) -> dict[str, Any]:
    return {
        "path": run.path,
        "space": run.space,
        "texts": run.total,
        "created": run.created,
        "memories": run.held,
        "seconds": run.seconds,
        "memories_per_second": run.memories_per_second,
        "syncs": run.syncs,
        "kernels": {"name": run.kernels[0], "isa": run.kernels[1]},
        "embedder": {"identity": run.embedder[0], "dimensions": run.embedder[1]},
        "recall_ms_p50": run.recall_ms_p50,
        "answered": run.answered_count,
        "questions": [
            {
                "question": question.text,
                "by": question.by,
                "filters": question.filter_text or None,
                "expected": sorted(question.expected),
                "answered": _answered(question, result),
                "recollections": [recollection_value(hit, explain=True) for hit in result],
            }
            for question, result in run.answers
        ],
        "try_next": try_next,
    }
