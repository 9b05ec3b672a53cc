"""The commands that only look: search, replay, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from engram.edges.cli.memories import STANDARD_INPUT, standard_input
from engram.edges.cli.options import Filters, SpacePlace
from engram.edges.cli.wire import memory_value, print_json, recall_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.edges.cli.session import Session
    from engram.model.label_counts import LabelCount
    from engram.model.memory import Page
    from engram.model.recall_result import RecallResult

_HERE = SpacePlace()
_ALL = Filters()


class LookupCommands:
    """Commands that find memories without recalling any: none of them counts as an access."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def search(
        self,
        words: Annotated[str, Parameter(help="What to look for; - reads it from standard input.")],
        /,
        *,
        limit: Annotated[int, Parameter(help="How many memories at most.")] = 10,
        explain: Annotated[
            bool, Parameter(negative="", help="Name the words that each has in common with these.")
        ] = False,
        filters: Filters = _ALL,
        place: SpacePlace = _HERE,
    ) -> int:
        """Find memories by their words alone: no meaning is compared, no association followed."""
        settings = place.settings()
        text = standard_input() if words == STANDARD_INPUT else words

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.search(
                    text, limit=limit, explain=explain, **filters.arguments()
                )
            if place.json:
                print_json(recall_value(found, explain=explain))
            else:
                self._show_found(found, explain=explain)
            return 0

        return int(self._session.run(command))

    def _show_found(self, found: RecallResult, *, explain: bool) -> None:
        from engram.edges.cli.screen import recollections  # noqa: PLC0415 - not for --help

        console = self._session.console
        if not found:
            console.print(f"Nothing found: {found.note}.", soft_wrap=True)
            return
        console.print(recollections(console, found.recollections, explain=explain))
        console.print(
            f"\n{len(found)} of {found.candidates:,} memories, "
            f"{found.timings_us['total'] / 1_000:.1f} ms. words: BM25; left: after time.",
            style="dim",
        )

    def replay(
        self,
        *,
        limit: Annotated[int, Parameter(help="How many memories a page.")] = 20,
        cursor: Annotated[str | None, Parameter(help="Go on where the page before ended.")] = None,
        filters: Filters = _ALL,
        place: SpacePlace = _HERE,
    ) -> int:
        """Tell episodes in the order in which they happened, page by page.

        --after and --before bound the time; --kind tells memories of other kinds.
        """
        settings = place.settings()
        arguments = filters.arguments()
        if not filters.kind:
            del arguments["kinds"]  # of no kind in particular, which are episodes

        async def command() -> int:
            async with self._session.space(settings) as space:
                page = await space.replay(limit=limit, cursor=cursor, **arguments)
            if place.json:
                told = [memory_value(each) for each in page]
                print_json({"memories": told, "total": page.total, "cursor": page.cursor})
            else:
                self._show_page(page)
            return 0

        return int(self._session.run(command))

    def _show_page(self, page: Page) -> None:
        from engram.edges.cli.screen import memories  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        if page.memories:
            console.print(memories(console, page.memories))
            console.print()
        # With an equals sign: what happened before 1970 has a cursor that begins with a hyphen.
        more = f"; the next page: --cursor={page.cursor}" if page.cursor else ""
        console.print(
            f"{len(page.memories)} of {page.total} episodes{more}", style="dim", soft_wrap=True
        )

    def labels(
        self,
        field: Annotated[
            str, Parameter(help="Which labels: tag, entity, source, session or fact_key.")
        ] = "tag",
        /,
        *,
        prefix: Annotated[str, Parameter(help="Only those that begin so, in any case.")] = "",
        limit: Annotated[int, Parameter(help="How many labels at most.")] = 100,
        place: SpacePlace = _HERE,
    ) -> int:
        """List the labels that memories have, those of most memories first."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.labels(field, prefix=prefix, limit=limit)
            if place.json:
                told = [{"label": each.label, "memories": each.memories} for each in found]
                print_json({"field": field, "labels": told})
            else:
                self._show_labels(field, found)
            return 0

        return int(self._session.run(command))

    def _show_labels(self, field: str, found: Sequence[LabelCount]) -> None:
        from engram.edges.cli.screen import table_of  # noqa: PLC0415 - not needed for --help

        if not found:
            self._session.console.print(f"No memory has such a {field.replace('_', ' ')}.")
            return
        lines = [[f"{each.memories:,}", each.label] for each in found]
        self._session.console.print(table_of(["memories", field], lines))
