"""`engram bench psychology`: the experiments, a table of what came out, and their curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from cyclopts import Parameter

from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.edges.cli.psychology.outcome import Outcome
    from engram.edges.cli.session import Session

Name = Literal["forgetting", "stability", "spacing", "fan", "interference", "drm", "calibration"]
NAMES: Final[tuple[Name, ...]] = get_args(Name)


class BenchCommands:
    """Commands that measure the engine against what is published."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def psychology(
        self,
        *experiments: Annotated[Name, Parameter(help="Which; all of them when none is named.")],
        plot: Annotated[
            Path | None,
            Parameter(metavar="FILE", help="Draw the curves: .svg, .png or .pdf; needs [plot]."),
        ] = None,
        json: Annotated[bool, Parameter(negative="", help="Answer in JSON, for machines.")] = False,
    ) -> int:
        """Run experiments of memory research on spaces of their own, and compare.

        They take a store in a temporary directory and a clock of their own; yours is not touched.
        """
        from engram.edges.cli.psychology.drawing import check_drawing, draw  # noqa: PLC0415 - rare

        if plot is not None:
            check_drawing(plot)
        found: list[Outcome] = []

        def told(outcome: Outcome) -> None:
            found.append(outcome)
            if not json:
                self._session.console.print(
                    f"{outcome.name} ({outcome.source}): "
                    f"{'as published' if outcome.comes_out else 'not all as published'}",
                    soft_wrap=True,
                )

        self._run(experiments or NAMES, told)
        if json:
            print_json({"experiments": [_value(outcome) for outcome in found]})
        else:
            self._show(found)
        if plot is not None:
            draw(found, plot)
            if not json:
                self._session.console.print(f"Drawn: {plot}", soft_wrap=True)
        return 0

    def _run(self, names: tuple[Name, ...], told: Callable[[Outcome], None]) -> None:
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - not needed for --help

        from engram.edges.cli.psychology.experiments import (  # noqa: PLC0415 - rare
            OF_MEANING,
            outcomes,
        )
        from engram.edges.cli.psychology.laboratory import (  # noqa: PLC0415 - rare
            LaboratoryClock,
            settings_of,
        )

        with TemporaryDirectory(prefix="engram-psychology-") as directory:

            async def command() -> None:
                for meaning in (False, True):
                    asked = [
                        name for name in dict.fromkeys(names) if (name in OF_MEANING) == meaning
                    ]
                    if asked:
                        clock = LaboratoryClock()
                        settings = settings_of(f"{directory}/{meaning}", meaning=meaning)
                        opened = self._session.machine.open_store(settings=settings, clock=clock)
                        await outcomes(opened, clock, asked, told)

            self._session.run(command)

    def _show(self, found: list[Outcome]) -> None:
        from rich.table import Table  # noqa: PLC0415 - not needed for --help

        table = Table(box=None, pad_edge=False, show_edge=False)
        for column in ("experiment", "measured", "published", "verdict"):
            table.add_column(column, overflow="fold")
        for outcome in found:
            for number, claim in enumerate(outcome.claims):
                name = "" if number else outcome.name
                verdict = "comes out" if claim.comes_out else "does not"
                table.add_row(name, claim.measured, claim.published, verdict)
        self._session.console.print()
        self._session.console.print(table)


def _value(outcome: Outcome) -> dict[str, object]:
    from msgspec import to_builtins  # noqa: PLC0415 - as above

    value: dict[str, object] = to_builtins(outcome)
    return value | {"comes_out": outcome.comes_out}
