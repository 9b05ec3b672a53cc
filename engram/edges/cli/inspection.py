"""The commands that look at the machine: doctor and kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from engram.edges.cli.options import Place, SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from engram.edges.cli.machine import Finding
    from engram.edges.cli.session import Session
    from engram.settings import Settings

Verify = Annotated[
    bool, Parameter(negative="", help="Run the conformance suite, one line a check.")
]
_HERE: Final = Place()
_ANY_SPACE: Final = SpacePlace()
_MARKS: Final = {"ok": ("ok  ", "green"), "warn": ("note", "yellow"), "fail": ("FAIL", "bold red")}


class InspectionCommands:
    """Commands that tell how things stand and change nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def doctor(self, *, place: SpacePlace = _ANY_SPACE) -> int:
        """Check what this machine really offers: one line a check, with the remedy.

        With --space only that space is opened. Exits 1 when a check fails.
        """
        settings = place.settings()

        async def command() -> list[Finding]:
            found = []
            async for finding in self._session.machine.diagnose(settings, place.space):
                found.append(finding)
                if not place.json:
                    self._show(finding)
            return found

        found: list[Finding] = self._session.run(command)
        failed = sum(finding.state == "fail" for finding in found)
        if place.json:
            print_json({"failed": failed, "checks": [finding._asdict() for finding in found]})
        else:
            verdict = f"{failed} of {len(found)} checks failed." if failed else "All is well."
            self._session.console.print(f"\n{verdict}", style="bold")
        return 1 if failed else 0

    def _show(self, finding: Finding) -> None:
        from rich.table import Table  # noqa: PLC0415 - not needed for --help
        from rich.text import Text  # noqa: PLC0415 - not needed for --help

        mark, style = _MARKS[finding.state]
        detail = Text(finding.detail)
        if finding.remedy:
            detail.append(f"\n{finding.remedy}", style="dim")
        line = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
        line.add_column(width=4, no_wrap=True)
        line.add_column(width=12, no_wrap=True)
        line.add_column(overflow="fold")
        line.add_row(Text(mark, style=style), finding.check, detail)
        self._session.console.print(line)

    def kernels(self, *, verify: Verify = False, place: Place = _HERE) -> int:
        """Say which kernel backend is used here, and why; with --verify check all it computes.

        Exits 1 when a check fails.
        """
        from engram.edges.cli import kernel_facts  # noqa: PLC0415 - loads numpy
        from engram.edges.cli.screen import facts  # noqa: PLC0415 - not needed for --help

        settings, console = place.settings(), self._session.console
        value = kernel_facts.kernels_value(settings)
        lines = kernel_facts.standing(value)
        if verify and not place.json:
            console.print(facts(lines))
            lines = []
        found = self._verify(settings, as_json=place.json) if verify else []
        failed = sum(finding.state == "fail" for finding in found)
        # What the checks did to arenas and shadow is seen only behind them.
        value |= kernel_facts.numbers_value(settings)
        if place.json:
            if verify:
                value |= {"failed": failed, "checks": [finding._asdict() for finding in found]}
            print_json(value)
            return 1 if failed else 0
        console.print(facts([*lines, *kernel_facts.numbers(value)]))
        if verify:
            verdict = f"{failed} of {len(found)} checks failed." if failed else "All is well."
            console.print(f"\n{verdict}", style="bold")
        return 1 if failed else 0

    def _verify(self, settings: Settings, *, as_json: bool) -> list[Finding]:
        found = []
        if not as_json:
            self._session.console.print()
        for finding in self._session.machine.verify_kernels(settings):
            found.append(finding)
            if not as_json:
                self._show(finding)
        if not as_json:
            self._session.console.print()
        return found
