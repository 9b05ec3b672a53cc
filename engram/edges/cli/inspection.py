"""The commands that look at the machine: doctor and kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engram.edges.cli.options import Place, SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from engram.edges.cli.machine import Finding
    from engram.edges.cli.session import Session

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

    def kernels(self, *, place: Place = _HERE) -> int:
        """Say which kernel backend is used here, and why."""
        value = _kernels(place.settings().kernels)
        if place.json:
            print_json(value)
            return 0
        from engram.edges.cli.screen import facts  # noqa: PLC0415 - not needed for --help

        library = "runs here" if value["library_runs"] else "does not run here"
        pairs = [
            ("backend", value["name"]),
            ("ISA", value["isa"]),
            ("why", value["why"]),
            ("auto", f"would choose {value['auto']}"),
            ("library", f"{value['library']} ({library})"),
            ("levels", ", ".join(value["levels"]) or "none without the library"),
        ]
        self._session.console.print(facts(pairs))
        return 0


def _kernels(asked: str) -> dict[str, Any]:
    """Return which backend `asked` gives and why; BackendUnavailable when it is not there."""
    from engram.kernels.selection import select_backend  # noqa: PLC0415 - loads numpy
    from engram.kernels.zig_backend import ZigBackend  # noqa: PLC0415 - as above
    from engram.kernels.zig_library import library_path  # noqa: PLC0415 - as above
    from engram.model.errors import BackendUnavailable  # noqa: PLC0415 - not needed for --help

    levels: tuple[str, ...] = ()
    missing = ""
    try:
        levels = ZigBackend().isa_levels
    except BackendUnavailable as error:
        missing = error.reason
    best = "numpy" if missing else "zig"
    backend = select_backend(best if asked == "auto" else asked)
    if asked != "auto":
        why = f"ENGRAM_KERNELS={asked} asks for it"
    elif missing:
        why = f"the Zig library cannot be used: {missing}; build it with `make kernels`"
    else:
        why = "the Zig library runs here, and auto prefers it"
    return {
        "name": backend.name,
        "isa": backend.isa,
        "asked": asked,
        "why": why,
        "auto": best,
        "levels": list(levels),
        "library": str(library_path()),
        "library_runs": not missing,
    }
