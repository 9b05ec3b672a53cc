"""The commands over memories: remember, recall, get, list, forget."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import Parameter

from engram.edges.cli.options import (
    AsOf,
    Filters,
    Labels,
    Moment,
    Particulars,
    SpacePlace,
    json_option,
    picture_file,
)
from engram.edges.cli.wire import memory_value, print_json, recall_value, receipt_value
from engram.model.limits import LIMIT_MAX

if TYPE_CHECKING:
    from engram.edges.cli.machine import AnySpace
    from engram.edges.cli.session import Session
    from engram.model.memory import ForgetReceipt, Memory
    from engram.model.recall_result import RecallResult
    from engram.settings import Settings

STANDARD_INPUT: Final = "\0standard input"
"""What a lone `-` is parsed as; no argument can hold a NUL, so no text is mistaken for it."""

_HERE = SpacePlace()
_ALL = Filters()
_NONE = Particulars()


class MemoryCommands:
    """Commands that work on the memories of one space."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def remember(
        self,
        text: Annotated[
            str,
            Parameter(help="What to remember; - reads it from standard input."),
        ],
        /,
        *,
        tag: Annotated[Labels, Parameter(help="A label to filter by; repeatable.")] = (),
        time: Annotated[Moment, Parameter(help="When it happened; else now.")] = None,
        confidence: Annotated[
            float | str,
            Parameter(help="How sure you are, 0 to 1, or none, low, medium, high, certain."),
        ] = 1.0,
        kind: Annotated[
            str, Parameter(help="episodic, semantic, procedural or concept.")
        ] = "episodic",
        source: Annotated[str | None, Parameter(help="Where it comes from.")] = None,
        session: Annotated[str | None, Parameter(help="The conversation it belongs to.")] = None,
        metadata: Annotated[
            str | None, Parameter(metavar="JSON", help="A JSON object to keep with it.")
        ] = None,
        request_key: Annotated[
            str | None,
            Parameter(metavar="KEY", help="A name for this request, to repeat it safely."),
        ] = None,
        more: Particulars = _NONE,
        place: SpacePlace = _HERE,
    ) -> int:
        """Remember a text; when the id is printed it is on the disk."""
        settings = place.settings()
        fields: dict[str, Any] = {
            "tags": tag,
            "occurred_at": time,
            "confidence": confidence,
            "kind": kind,
            "source": source,
            "session": session,
            "metadata": json_option("--metadata", metadata),
            "request_key": request_key,
            **more.arguments(),
        }
        content = standard_input() if text == STANDARD_INPUT else text

        async def command() -> int:
            async with self._session.space(settings) as space:
                done = await space.remember(content, **fields)
            if place.json:
                print_json(
                    {"id": done.id, "space": space.id, "lsn": done.lsn, "created": done.created}
                )
            else:
                what = "Remembered" if done.created else "Seen again"
                self._session.console.print(f"{what}: {done.id} (space {space.id})", soft_wrap=True)
            return 0

        return int(self._session.run(command))

    def recall(
        self,
        cue: Annotated[str, Parameter(help="What to look for, in words.")],
        /,
        *,
        limit: Annotated[int, Parameter(help="How many memories at most.")] = 10,
        explain: Annotated[
            bool,
            Parameter(negative="", help="Say why each was recalled; draw the ways that led to it."),
        ] = False,
        mode: Annotated[
            Literal["hybrid", "similarity", "spreading"],
            Parameter(help="By likeness, by association, or by both."),
        ] = "hybrid",
        no_reinforce: Annotated[
            bool, Parameter(negative="", help="Do not count this as an access.")
        ] = False,
        graph: Annotated[
            Path | None,
            Parameter(metavar="FILE", help="Draw what was activated, as FILE.html or FILE.svg."),
        ] = None,
        filters: Filters = _ALL,
        place: SpacePlace = _HERE,
    ) -> int:
        """Recall the memories nearest to a cue, by meaning and by words, best first."""
        settings = place.settings()
        draw = None if graph is None else picture_file(graph)

        async def command() -> int:
            async with self._session.space(settings) as space:
                result = await space.recall(
                    cue,
                    limit=limit,
                    mode=mode,
                    explain=True,
                    reinforce=not no_reinforce,
                    **filters.arguments(),
                )
            if draw is not None:
                draw(result)
            if place.json:
                print_json(recall_value(result, explain=explain))
                return 0
            self._show(result, settings, explain=explain)
            if graph is not None:
                self._session.console.print(f"Picture: {graph}", style="dim", soft_wrap=True)
            return 0

        return int(self._session.run(command))

    def _show(self, result: RecallResult, settings: Settings, *, explain: bool) -> None:
        from engram.edges.cli.screen import recollections  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        if not result:
            console.print(f"Nothing recalled from {settings.memory_space}: {result.note}.")
            return
        console.print(recollections(console, result.recollections, explain=explain))
        console.print(
            f"\n{len(result)} of {result.candidates:,} memories, "
            f"{result.timings_us['total'] / 1_000:.1f} ms. "
            "meaning: cosine; words: BM25; left: after time.",
            style="dim",
        )

    def get(
        self,
        memory_id: Annotated[
            str, Parameter(name="id", help="An id as remember and list print it.")
        ],
        /,
        *,
        as_of: AsOf = None,
        include_suppressed: Annotated[
            bool, Parameter(negative="", help="Also when it is suppressed.")
        ] = False,
        place: SpacePlace = _HERE,
    ) -> int:
        """Show one memory with all its fields."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                memory = await space.get(
                    memory_id, as_of=as_of, include_suppressed=include_suppressed
                )
                is_concept = memory.kind == "concept" and as_of is None
                cites = await _cited(space, memory_id) if is_concept else []
            fields = memory_value(memory) | ({"cites": cites} if cites else {})
            if place.json:
                print_json(fields)
            else:
                self._show_memory(memory, fields)
            return 0

        return int(self._session.run(command))

    def _show_memory(self, memory: Memory, fields: dict[str, Any]) -> None:
        from engram.edges.cli.screen import facts  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        console.print(memory.content or "(no text)")
        console.print()
        fields |= fields.pop("episode") or {}
        pairs = [
            (name, ", ".join(value) if isinstance(value, list) else str(value))
            for name, value in fields.items()
            if name != "content" and value not in (None, [])
        ]
        console.print(facts(pairs))

    def list(
        self,
        *,
        limit: Annotated[int, Parameter(help="How many memories a page.")] = 20,
        cursor: Annotated[str | None, Parameter(help="Go on where the page before ended.")] = None,
        filters: Filters = _ALL,
        place: SpacePlace = _HERE,
    ) -> int:
        """List memories in the order they were recorded, page by page."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                page = await space.list(limit=limit, cursor=cursor, **filters.arguments())
            if place.json:
                print_json(
                    {
                        "memories": [memory_value(memory) for memory in page],
                        "total": page.total,
                        "cursor": page.cursor,
                    }
                )
                return 0
            from engram.edges.cli.screen import memories  # noqa: PLC0415 - not needed for --help

            console = self._session.console
            if page.memories:
                console.print(memories(console, page.memories))
                console.print()
            console.print(f"{len(page.memories)} of {page.total} memories", style="dim", end="")
            more = f"; the next page: --cursor {page.cursor}" if page.cursor else ""
            console.print(more, style="dim")
            return 0

        return int(self._session.run(command))

    def forget(
        self,
        memory_ids: Annotated[
            tuple[str, ...],
            Parameter(name="id", help="Ids as remember and list print them."),
        ],
        /,
        *,
        erase: Annotated[
            bool,
            Parameter(negative="", help="Leave no byte of them in any file; print a receipt."),
        ] = False,
        suppress: Annotated[
            bool, Parameter(negative="", help="Only hide them; unsuppress brings them back.")
        ] = False,
        place: SpacePlace = _HERE,
    ) -> int:
        """Take memories out of every answer, durably."""
        settings = place.settings()
        mode = _mode(suppress=suppress, erase=erase)

        async def command() -> int:
            from engram.edges.cli.screen import progress_bar  # noqa: PLC0415 - not for --help

            async with self._session.space(settings) as space:
                with progress_bar(self._session.errors) as bar:
                    task = bar.add_task("Erasing" if erase else "Forgetting", total=None)
                    receipt = await space.forget_many(
                        memory_ids,
                        mode=mode,
                        progress=lambda done, total: bar.update(task, completed=done, total=total),
                    )
            if place.json:
                print_json(receipt_value(receipt, space.id))
            else:
                self._show_receipt(receipt)
            return 0

        return int(self._session.run(command))

    def _show_receipt(self, receipt: ForgetReceipt) -> None:
        console = self._session.console
        what = {"suppress": "Suppressed", "erase": "Erased"}.get(receipt.mode, "Forgotten")
        for each in receipt.ids:
            console.print(f"{what}: {each}", soft_wrap=True)
        if receipt.erased_at is None:
            return
        console.print(
            f"Recorded at {receipt.erased_at.isoformat()}, LSN {receipt.lsn}. Overwritten: "
            f"{receipt.bytes_overwritten:,} bytes in {receipt.files_overwritten} files; segments "
            f"written anew: {receipt.segments_rewritten}.",
            soft_wrap=True,
        )
        for archive in receipt.archives:
            console.print(f"May still be in {archive}; no restore brings it back.", soft_wrap=True)


async def _cited(space: AnySpace, concept_id: str) -> list[str]:
    """Return the ids of the memories a concept was formed of."""
    ways = await space.associations(concept_id, kinds=["derived"], limit=LIMIT_MAX)
    return [way.target_id for way in ways if way.automatic and way.target_id]


def _mode(*, suppress: bool, erase: bool) -> str:
    if suppress and erase:
        from engram.model.errors import InvalidRequest  # noqa: PLC0415 - rarely needed

        raise InvalidRequest("--suppress and --erase exclude each other; choose one")
    return "erase" if erase else "suppress" if suppress else "delete"


def standard_input() -> str:
    """Return standard input as text, without the line feed an editor or echo puts at its end."""
    from engram.model.errors import InvalidRequest  # noqa: PLC0415 - only when it fails

    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"standard input is not UTF-8 (byte {error.start}); convert it first, for example with "
            "`iconv -t UTF-8`"
        ) from error
