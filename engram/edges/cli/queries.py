"""The commands that ask for more than a recall: query, complete, recognize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from engram.edges.cli.answers import (
    AnswerForm,
    Budget,
    Parameters,
    cell,
    parameter,
    print_answer,
)
from engram.edges.cli.memories import STANDARD_INPUT, standard_input
from engram.edges.cli.options import Filters, Labels, SpacePlace
from engram.edges.cli.wire import print_json, recollection_value

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.model.completion import Completion
    from engram.model.recognition import Recognition

_HERE = SpacePlace()
_ALL = Filters()


class QueryCommands:
    """Commands that carry out statements of the query language, complete and recognize."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def query(
        self,
        statement: Annotated[str, Parameter(help="A statement; - reads it from standard input.")],
        /,
        *,
        param: Parameters = (),
        format: AnswerForm = "table",  # noqa: A002 - it is what the option is called
        budget_ms: Budget = None,
        explain: Annotated[
            bool,
            Parameter(negative="", help="Let rows name all the ways that led to them as evidence."),
        ] = False,
        place: SpacePlace = _HERE,
    ) -> int:
        """Carry out a statement of the query language: RECALL, SPREAD, PREDICT, and others."""
        settings = place.settings()
        parameters = dict(map(parameter, param))
        text = standard_input() if statement == STANDARD_INPUT else statement

        async def command() -> int:
            async with self._session.space(settings) as space:
                answer = await space.query(text, parameters, budget_ms=budget_ms, explain=explain)
            print_answer(self._session.console, answer, "json" if place.json else format)
            return 0

        return int(self._session.run(command))

    def complete(
        self,
        *,
        what: Annotated[str | None, Parameter(help="What happened.")] = None,
        where: Annotated[str | None, Parameter(help="Where it happened.")] = None,
        who: Annotated[Labels, Parameter(help="Who took part; repeatable.")] = (),
        why: Annotated[str | None, Parameter(help="Why it happened.")] = None,
        how: Annotated[str | None, Parameter(help="How it happened.")] = None,
        limit: Annotated[int, Parameter(help="1 to 3 hypotheses at most.")] = 3,
        place: SpacePlace = _HERE,
    ) -> int:
        """Complete an episode of which a part is given, from the episodes of the space."""
        settings = place.settings()
        fields = {"what": what, "where": where, "who": who or None, "why": why, "how": how}

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.complete(**fields, limit=limit)  # type: ignore[arg-type]
            if place.json:
                from msgspec import to_builtins  # noqa: PLC0415 - not needed for --help

                print_json(to_builtins(found))
            else:
                self._show_completion(found)
            return 0

        return int(self._session.run(command))

    def recognize(
        self,
        cue: Annotated[str, Parameter(help="What may have been there before, in words.")],
        /,
        *,
        limit: Annotated[int, Parameter(help="How many memories at most.")] = 5,
        filters: Filters = _ALL,
        place: SpacePlace = _HERE,
    ) -> int:
        """Say how familiar a text is, and which memories it is most like."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.recognize(cue, limit=limit, **filters.arguments())
            if place.json:
                print_json(_recognition_value(found))
            else:
                self._show_recognition(found)
            return 0

        return int(self._session.run(command))

    def _show_recognition(self, found: Recognition) -> None:
        from engram.edges.cli.screen import recollections  # noqa: PLC0415 - not for --help

        console = self._session.console
        low, high = found.familiarity_interval
        said = f"Familiarity {found.familiarity:.2f} ({low:.2f} to {high:.2f})"
        if found.identical is not None:
            said += f": the same text is memory {found.identical}"
        console.print(f"{said}.", soft_wrap=True)
        if found.note is not None:
            console.print(f"{found.note[0].upper()}{found.note[1:]}.", soft_wrap=True)
        if found.nearest:
            console.print()
            console.print(recollections(console, found.nearest, explain=False))

    def _show_completion(self, found: Completion) -> None:
        from engram.edges.cli.screen import table_of  # noqa: PLC0415 - not needed for --help

        console = self._session.console
        if found.note is not None:
            console.print(f"{found.note[0].upper()}{found.note[1:]}.", soft_wrap=True)
        for rank, hypothesis in enumerate(found, start=1):
            console.print(f"{rank}. confidence {hypothesis.confidence:.2f}", style="bold")
            lines = [
                [name, one.source, f"{one.confidence:.2f}", cell(one.value)]
                for name, one in hypothesis.fields.items()
            ]
            console.print(table_of(["field", "source", "confidence", "value"], lines))
            for each in hypothesis.evidence:
                console.print(f"  from {each}", style="dim", soft_wrap=True)


def _recognition_value(found: Recognition) -> dict[str, Any]:
    return {
        "familiarity": found.familiarity,
        "familiarity_interval": list(found.familiarity_interval),
        "identical": found.identical,
        "nearest": [recollection_value(hit, explain=False) for hit in found.nearest],
        "note": found.note,
    }
