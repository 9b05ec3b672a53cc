"""Calls that look after a store, which must come to the same through every front end.

As those of `verb_scenarios`; the stores are of real memory alone, the backups of this process.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from engram.backup.repository import Repository
from engram.model.ids import DEFAULT_SPACE
from engram.service.backups import Backups
from engram.testing.archives import MemoryArchive
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.comparing import refused
from engram.testing.verb_scenarios import Scenario, filled


def a_place() -> Backups:
    """Return an empty place for backups."""
    return Backups(Repository(MemoryArchive(), FakeClock(), SeededEntropy(7)))


async def a_space_is_verified(db: Any) -> Any:
    """Read a space again, and one that is not there.

    Digests are not compared: a client gives its writes keys, which are of the state.
    """
    await filled(db)
    said: list[tuple[int, int]] = []
    report = await db.verify("notes", lambda *each: said.append(each))
    return (
        (report.space, report.entries, report.opens, report.lsn, report.damage),
        [way.name for way in report.ways],
        said[-1],
        await refused(db.verify("nowhere")),
        await refused(db.verify("A/..")),
    )


async def memories_are_linked_and_embedded(db: Any) -> Any:
    """Wait until all are linked, give them all vectors of the embedder again."""
    space, _ = await filled(db)
    left = await space.wait_linked()
    said: list[tuple[int, int]] = []
    counts = await space.reembed(lambda *each: said.append(each)), await db.reembed("notes")
    found = await space.recall("who met Babbage?", limit=1)
    nowhere = await db.space("nowhere")
    return (
        left,
        await space.wait_linked(timeout=60.0),
        (counts, said[-1], found[0].memory.content),
        await refused(nowhere.wait_linked()),
        await refused(nowhere.reembed()),
        await refused(db.reembed("A/..")),
    )


async def backups_are_made_and_restored(db: Any) -> Any:
    """Of all spaces, of some, under another id, in the place of what is there."""
    space, ids = await filled(db)
    await (await db.space(DEFAULT_SPACE)).remember("elsewhere")
    await (await db.space("third")).remember("and there")
    place, some, said = a_place(), a_place(), []
    made = await db.backup(place, progress=lambda *each: said.append(each))
    few = await db.backup(some, spaces=["third", "notes"])
    await space.forget(ids[0])
    copied = await db.restore(some, space="notes", into="copy", progress=lambda *_: None)
    taken = [
        await refused(db.restore(place, space="notes")),
        await refused(db.restore(a_place())),
        await refused(db.backup(a_place(), spaces=["nowhere"])),
        await refused(db.backup(a_place(), spaces=["A/.."])),
    ]
    back = await db.restore(place, made.backup.id, space="notes", replace=True, check=False)
    return (
        [[(each.space, each.memories, each.lsn) for each in one.backup.spaces]
         for one in (made, few)],
        [(each.space, each.backup_space, each.memories, each.lsn, each.erased)
         for each in (*copied, *back)],
        (bool(said), [name for name, *_ in taken]),
        (await space.get(ids[0])).content,
        (await (await db.space("copy")).get(ids[1])).content,
    )  # fmt: skip


async def memories_go_through_files(db: Any) -> Any:
    """Export them as NDJSON and CSV, import them elsewhere, again, with lines that are none."""
    space, ids = await filled(db)
    await space.associate(ids[0], ids[2], "causal", weight=0.8, why="so it was")
    await space.forget(ids[1], mode="suppress")
    said: list[tuple[int, int]] = []
    files = {kind: io.BytesIO() for kind in ("ndjson", "csv")}
    done = [
        await space.export_to(file, format=kind, progress=lambda *each: said.append(each))
        for kind, file in files.items()
    ]
    some = io.BytesIO()
    done.append(await space.export_to(some, format="ndjson", include_suppressed=False))
    lines = files["ndjson"].getvalue()
    bad = b"{nonsense\n\n" + lines + b'{"content": ""}\n{"content": "x", "unheard_of": 1}\n'
    came = []
    for name, kind, data in (
        ("copy", "ndjson", lines),
        ("copy", "ndjson", lines),
        ("table", "csv", files["csv"].getvalue()),
        ("bad", "ndjson", bad),
    ):
        other = await db.space(name)
        came.append(await other.import_from(io.BytesIO(data), format=kind))
        came.append([(each.content, each.tags) for each in await other.list()])
    with TemporaryDirectory() as place:
        file, kept = (Path(place, name) for name in ("a.ndjson", "kept"))
        await space.export_to(file)
        file.write_bytes(file.read_bytes() + b"[]\n")
        came.append(await (await db.space("file")).import_from(file, rejected=kept))
        there = file.read_bytes() == lines + b"[]\n", kept.read_bytes()
        came += await _of_other_programs(db, Path(place))
        refusals = [
            await refused(space.export_to(Path(place, "a.txt"))),
            await refused(space.import_from(file, rejected=file)),
            await refused(space.import_from(io.BytesIO(b"x,y\n1,2\n"), format="csv")),
            await refused(space.import_from(Path(place, "none.csv"))),
        ]
    nowhere = await db.space("nowhere")
    return (
        done,
        said[-1],
        [each.getvalue() for each in (*files.values(), some)],
        came,
        there,
        [name for name, *_ in refusals],
        await refused(nowhere.export_to(io.BytesIO(), format="ndjson")),
        await refused(space.export_to(io.BytesIO(), format="nonsense")),
        await refused(space.export_to(io.BytesIO(), format="ndjson", kinds=["nonsense"])),
    )


async def _of_other_programs(db: Any, place: Path) -> list[Any]:
    """Import records of mem0, one of them none, and a folder of Markdown that is touched then."""
    space, folder, kept = await db.space("others"), place / "notes", place / "rejected"
    folder.mkdir()
    for name, text in (("tea.md", "# Tea\n\nis green"), ("a.md", "# Ada\n\nmet Babbage")):
        (folder / name).write_text(text)
        os.utime(folder / name, (1.7e9, 1.7e9))
    records: list[Any] = [
        {"id": "1", "memory": "Ada likes tea", "created_at": "2026-01-22T05:57:24Z"},
        {"id": "2", "memory": ""},
        {"id": "3", "memory": "nobody knows when"},
        "nonsense",
    ]
    mem0, came = json.dumps({"results": records}).encode(), []
    for source, kind in ((mem0, "mem0"), (mem0, "mem0"), (folder, None), (folder, None)):
        read = io.BytesIO(source) if isinstance(source, bytes) else source
        done = await space.import_from(read, format=kind, rejected=kept)
        came += [done, kept.exists() and kept.read_bytes()]
        os.utime(folder / "tea.md", (1.8e9, 1.8e9))
    came.append(sorted((each.content, each.source, each.tags) for each in await space.list()))
    return came


UPKEEP: Final[list[Scenario]] = [
    a_space_is_verified,
    memories_are_linked_and_embedded,
    backups_are_made_and_restored,
    memories_go_through_files,
]
