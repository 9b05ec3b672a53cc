"""The commands that look after the store's files: verify and repair."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from engram.edges.cli.options import SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engram.edges.cli.session import Session
    from engram.engine.checking import StoreReport
    from engram.engine.repairing import Repair
    from engram.engine.verification import Damage, SpaceReport
    from engram.settings import Settings

_IN_SPACE = SpacePlace()


class IntegrityCommands:
    """Commands that read all of a store again, and make one that is damaged usable."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def verify(
        self,
        *,
        all_spaces: Annotated[
            bool, Parameter(name="--all", negative="", help="All spaces, as without --space.")
        ] = False,
        place: SpacePlace = _IN_SPACE,
    ) -> int:
        """Read the whole store again, or one space of it, and say all that is damaged.

        Changes nothing. A server that has the store reads its spaces while it goes on. Exits 1 when
        anything is damaged.
        """
        from engram.edges.cli.screen import progress_bar  # noqa: PLC0415 - not needed for --help

        settings = place.settings()
        self._session.interrupted = "stopped; verifying changes nothing"
        bar = progress_bar(self._session.errors)
        tasks: dict[str, Any] = {}

        def show(space: str, done: int, total: int) -> None:
            if space not in tasks:
                tasks[space] = bar.add_task(f"Reading {space}", total=None)
            bar.update(tasks[space], completed=done, total=total)

        async def command() -> int:
            only = None if place.space is None or all_spaces else [place.space]
            with bar:
                if self._session.server(settings) is not None:
                    report = await self._verified_by_server(settings, only, show)
                else:
                    report = await self._session.machine.verify_store(
                        settings, spaces=only, progress=show
                    )
            if place.json:
                value = {
                    "sound": report.is_sound,
                    "damage": [each._asdict() for each in report.damage],
                    "spaces": [space_value(each) for each in report.spaces],
                }
                print_json(value)
                return 0 if report.is_sound else 1
            self._show_damage(report.damage)
            for each in report.spaces:
                self._say(space_line(each))
                self._show_damage(each.damage)
            self._say(
                verdict(report.is_sound, [each.space for each in report.spaces if not each.opens])
            )
            return 0 if report.is_sound else 1

        return int(self._session.run(command))

    async def _verified_by_server(
        self,
        settings: Settings,
        only: list[str] | None,
        progress: Callable[[str, int, int], None],
    ) -> StoreReport:
        """Return what the server that has the store found, space by space."""
        from engram.engine.checking import StoreReport  # noqa: PLC0415 - not needed for --help

        report = StoreReport()
        async with self._session.store(settings) as db:
            for space in only or [each.id for each in await db.spaces()]:
                report.spaces.append(await db.verify(space, partial(progress, space)))
        return report

    def repair(
        self,
        *,
        accept_loss: Annotated[
            bool, Parameter(negative="", help="Do it, and give up what was told.")
        ] = False,
        place: SpacePlace = _IN_SPACE,
    ) -> int:
        """Make a damaged space usable again; without --accept-loss only say what it would cost.

        Damaged files stay beside the others under another name. Exits 1 while anything is damaged.
        """
        settings = place.settings()
        self._session.interrupted = "stopped; run the same command again"

        async def command() -> Repair:
            return await self._session.machine.repair_space(settings, accept_loss=accept_loss)

        repair: Repair = self._session.run(command)
        is_done = accept_loss or not repair.damage
        if place.json:
            print_json(repair_value(repair))
            return 0 if is_done else 1
        if not repair.damage:
            self._say(f"{repair.space}: nothing is damaged")
            return 0
        if not accept_loss:
            self._show_damage(repair.damage)
        costs = "; ".join(repair.lost) or "nothing"
        self._say(f"{repair.space}: {'given up' if accept_loss else 'to be given up'}: {costs}")
        for each in repair.forgotten:
            self._say(f"  {each}")
        if not accept_loss:
            again = f"engram repair --space {repair.space} --accept-loss"
            self._say(f"Nothing was changed. Restore from a backup, or repeat it as `{again}`.")
            return 1
        self._say("Kept aside, to be deleted by you when nobody needs them any more:")
        for each in repair.moved_to:
            self._say(f"  {each}")
        if repair.after is not None:
            self._say(f"Afterwards: {space_line(repair.after)}")
        return 0

    def _say(self, text: str) -> None:
        self._session.console.print(text, soft_wrap=True)

    def _show_damage(self, damage: Iterable[Damage]) -> None:
        for each in damage:
            self._session.console.print(f"  {each.path}, byte {each.offset:,}", style="red")
            self._session.console.print(f"    {each.reason}")
            serving = f"; {each.instead} serves instead" if each.instead else ""
            self._session.console.print(f"    given up, this costs: {each.lost}{serving}")


def space_line(report: SpaceReport) -> str:
    """Return the one line about a space."""
    entries = f"{report.entries:,} entries, {len(report.damage):,} corrupted"
    state = "" if report.opens else ", cannot be opened"
    return f"{report.space}: {entries}, {report.duration_ms:,.0f} ms{state}"


def verdict(is_sound: bool, closed: list[str]) -> str:
    """Return what to do about a store."""
    if is_sound:
        return "All is well."
    if closed:
        names = ", ".join(closed)
        return (
            f"Damaged; {names} cannot be opened. Restore from a backup with `engram restore`, or "
            f"see what giving up the damage costs with `engram repair --space {closed[0]}`."
        )
    return (
        "Damaged, and nothing is lost: every space opens. Copy the store away, look at the disk, "
        "and have the damaged files replaced with `engram repair --space ID --accept-loss`."
    )


def repair_value(repair: Repair) -> dict[str, Any]:
    """Return what a repair did, or would do, as JSON has it."""
    return {
        "space": repair.space,
        "damage": [each._asdict() for each in repair.damage],
        "lost": repair.lost,
        "forgotten": repair.forgotten,
        "moved_to": repair.moved_to,
        "after": None if repair.after is None else space_value(repair.after),
    }


def space_value(report: SpaceReport) -> dict[str, Any]:
    """Return a report as JSON has it."""
    return {
        "space": report.space,
        "entries": report.entries,
        "corrupted": len(report.damage),
        "duration_ms": round(report.duration_ms, 1),
        "bytes_read": report.bytes_read,
        "opens": report.opens,
        "lsn": report.lsn,
        "digest": report.digest,
        "ways": [way._asdict() for way in report.ways],
        "damage": [each._asdict() for each in report.damage],
    }
