"""The commands over backups: backup create, list, verify, prune, and restore."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from engram.edges.cli.options import Moment, Place
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engram.edges.cli.session import Session
    from engram.service.backups import BackupInfo, Backups

_Asked: TypeAlias = "tuple[str | None, str | None, str | None, int | None, datetime | None]"
"""What is to be restored, as `RestoreRequest` has it."""

_HERE = Place()
Where = Annotated[
    str,
    Parameter(name="where", help="A directory, or a URL such as s3://bucket/folder."),
]
AsJson = Annotated[bool, Parameter(negative="", help="Answer in JSON, for machines.")]
Spaces = Annotated[
    tuple[str, ...],
    Parameter(
        name="space", negative="", consume_multiple=False, help="Only this space; repeatable."
    ),
]


class BackupCommands:
    """Commands that make, look at and restore backups."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, where: Where, /, *, spaces: Spaces = (), place: Place = _HERE) -> int:
        """Back up the store, or some spaces of it; what is there already is not stored again."""
        settings = place.settings()
        self._session.interrupted = "stopped; no backup was made, the earlier ones are as they were"

        async def command() -> int:
            backups = self._open(where)
            with self._bar() as bar:
                task = bar.add_task("Backing up", total=None)
                async with self._session.store(settings) as db:
                    backup, *stored = await db.backup(
                        backups,
                        spaces=spaces or None,
                        progress=lambda done, total: bar.update(task, completed=done, total=total),
                    )
            objects_stored, bytes_stored = stored
            if place.json:
                value = {"objects_stored": objects_stored, "bytes_stored": bytes_stored}
                print_json(backup_value(backup) | value)
                return 0
            self._show([backup])
            self._session.console.print(
                f"\nStored {bytes_stored:,} bytes in {objects_stored:,} objects in "
                f"{backups.location}; the rest was there already.",
                soft_wrap=True,
            )
            return 0

        return int(self._session.run(command))

    def list(self, where: Where, /, *, json: AsJson = False) -> int:
        """List the backups that are kept there, oldest first."""

        async def command() -> int:
            found = await self._open(where).list()
            if json:
                print_json([backup_value(each) for each in found])
            else:
                self._show(found)
            return 0

        return int(self._session.run(command))

    def verify(
        self,
        where: Where,
        /,
        *backup_ids: Annotated[str, Parameter(name="backup", help="Only these backups.")],
        rebuild: Annotated[
            bool, Parameter(help="Rebuild each space in RAM and compare its digest.")
        ] = True,
        json: AsJson = False,
    ) -> int:
        """Read all that is kept there again and say what is damaged; exits 1 if anything is."""

        async def command() -> int:
            with self._bar() as bar:
                task = bar.add_task("Verifying", total=None)
                report = await self._open(where).verify(
                    *backup_ids,
                    rebuild=rebuild,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
            if json:
                print_json(
                    {
                        "backups": report.backups,
                        "objects": report.objects,
                        "spaces_rebuilt": report.spaces,
                        "damage": [each._asdict() for each in report.damage],
                        "broken_backups": list(report.broken_backups),
                    }
                )
                return 1 if report.damage else 0
            for each in report.damage:
                self._session.console.print(f"{each.name}: {each.reason}", soft_wrap=True)
            verdict = (
                f"Damaged; these backups cannot be restored whole: "
                f"{', '.join(report.broken_backups)}. The others can; delete what is named above, "
                "and the next backup stores it again if the store still holds it."
                if report.damage
                else "All is well."
            )
            self._session.console.print(
                f"{report.backups:,} backups, {report.objects:,} objects read, "
                f"{report.spaces:,} spaces rebuilt. {verdict}",
                soft_wrap=True,
            )
            return 1 if report.damage else 0

        return int(self._session.run(command))

    def prune(
        self,
        where: Where,
        /,
        *,
        keep: Annotated[
            int | None, Parameter(help="Keep this many of each store's newest backups.")
        ] = None,
        older_than: Annotated[Moment, Parameter(help="Only backups made before this time.")] = None,
        json: AsJson = False,
    ) -> int:
        """Remove old backups, and what only they needed; the newest of a store always stays."""

        async def command() -> int:
            with self._bar() as bar:
                task = bar.add_task("Pruning", total=None)
                done = await self._open(where).prune(
                    keep=keep,
                    older_than=older_than,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
            if json:
                print_json(
                    {
                        "removed": list(done.removed),
                        "kept": list(done.kept),
                        "objects_removed": done.objects_removed,
                    }
                )
            else:
                self._session.console.print(
                    f"Removed {len(done.removed):,} backups and {done.objects_removed:,} objects; "
                    f"{len(done.kept):,} backups are left"
                )
            return 0

        return int(self._session.run(command))

    def restore(
        self,
        where: Where,
        backup_id: Annotated[
            str | None, Parameter(name="backup", help="Its id (else the newest that leads there).")
        ] = None,
        /,
        *,
        space: Annotated[str | None, Parameter(help="Only this space of the backup.")] = None,
        into: Annotated[
            str | None, Parameter(name="as", help="The id that space gets (else its own).")
        ] = None,
        to_lsn: Annotated[int | None, Parameter(help="Up to this LSN, of one space.")] = None,
        to_time: Annotated[Moment, Parameter(help="Up to what was recorded at this time.")] = None,
        replace: Annotated[
            bool, Parameter(negative="", help="Take the place of spaces that hold something.")
        ] = False,
        place: Place = _HERE,
    ) -> int:
        """Restore spaces from a backup; all it takes is checked before anything is touched."""
        settings = place.settings()
        self._session.interrupted = (
            "stopped; no space is half restored, see which are there with `engram space list`"
        )

        async def command() -> int:
            backups = self._open(where)
            with self._bar() as bar:
                await self._check(backups, bar, (backup_id, space, into, to_lsn, to_time))
                task = bar.add_task("Restoring", total=None)
                async with self._session.store(settings) as db:
                    restored = await db.restore(
                        backups,
                        backup_id,
                        space=space,
                        into=into,
                        to_lsn=to_lsn,
                        to_time=to_time,
                        replace=replace,
                        check=False,
                        progress=lambda done, total: bar.update(task, completed=done, total=total),
                    )
            self._say_restored(
                [
                    each._asdict() | {"recorded_last": each.recorded_last.isoformat()}
                    for each in restored
                ],
                as_json=place.json,
            )
            return 0

        return int(self._session.run(command))

    async def _check(self, backups: Backups, bar: Any, fields: _Asked) -> None:
        from engram.service.backups import RestoreRequest  # noqa: PLC0415 - not needed for --help

        task = bar.add_task("Checking", total=None)
        await backups.check(
            RestoreRequest(*fields),
            lambda done, total: bar.update(task, completed=done, total=total),
        )

    def _say_restored(self, restored: Sequence[dict[str, Any]], *, as_json: bool) -> None:
        if as_json:
            print_json(restored)
            return
        for each in restored:
            gone = f"; {each['erased']:,} erased since are not there" if each["erased"] else ""
            self._session.console.print(
                f"Restored space {each['space']} from {each['backup_id']}: "
                f"{each['memories']:,} memories, LSN {each['lsn']}, "
                f"digest {each['digest'][:16]}{gone}",
                soft_wrap=True,
            )

    def _open(self, where: str) -> Backups:
        return self._session.machine.open_backups(where)

    def _bar(self) -> Any:
        from engram.edges.cli.screen import progress_bar  # noqa: PLC0415 - not needed for --help

        return progress_bar(self._session.errors)

    def _show(self, backups: Iterable[BackupInfo]) -> None:
        from engram.edges.cli.screen import backups as table  # noqa: PLC0415 - as above

        self._session.console.print(table(backups))


def backup_value(backup: BackupInfo) -> dict[str, Any]:
    """Return a backup as a JSON value; times are ISO 8601 in UTC."""
    return {
        "id": backup.id,
        "created_at": None if backup.created_at is None else backup.created_at.isoformat(),
        "store_id": backup.store_id,
        "bytes": backup.bytes_count,
        "damage": backup.damage,
        "spaces": [
            {
                "id": each.space,
                "lsn": each.lsn,
                "memories": each.memories,
                "recorded_last": each.recorded_last.isoformat(),
                "bytes": each.bytes_count,
                "digest": each.digest,
            }
            for each in backup.spaces
        ],
    }
