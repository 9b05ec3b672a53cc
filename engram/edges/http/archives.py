"""The endpoints that carry backups: a store, or some of it, as an archive out and in."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Any, Final

import anyio
import msgspec
from anyio import lowlevel

from engram.edges.http.calls import Call, Endpoint
from engram.edges.http.connections import Connection
from engram.edges.http.limits import STALLED_SECONDS_MAX
from engram.edges.http.problems import Refused
from engram.edges.http.streamed import Headers, Receive, Send, StreamedAnswer, leave_with_caller
from engram.model.errors import ArchiveUnavailable, EngramError, SpaceForbidden
from engram.model.ids import check_space_id
from engram.service.access import Role
from engram.service.backups import RestoreRequest
from engram.service.transfers import Transfers

MEDIA_TYPE: Final = "application/x-tar"
_LOGGER: Final = logging.getLogger("engram.http")
_NAMED: Final = b'attachment; filename="engram-backup.tar"'


class BackupQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to back up; with neither, every space."""

    space: Annotated[str, msgspec.Meta(description="This space.")] | None = None
    spaces: Annotated[list[str], msgspec.Meta(description="These spaces.")] | None = None


class RestoreQuery(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to restore of the archive, and where to."""

    space: (
        Annotated[
            str,
            msgspec.Meta(description="Only this space of the archive; left out, all."),
        ]
        | None
    ) = None
    into: (
        Annotated[str, msgspec.Meta(description="The id that space gets; left out, its own.")]
        | None
    ) = None
    to_lsn: (
        Annotated[int, msgspec.Meta(ge=0, description="Up to this LSN, of one space.")] | None
    ) = None
    to_time: (
        Annotated[
            datetime,
            msgspec.Meta(tz=True, description="Up to what was recorded at this time."),
        ]
        | None
    ) = None
    replace: Annotated[
        bool, msgspec.Meta(description="Take the place of spaces that hold something.")
    ] = False


class RestoredValue(msgspec.Struct, frozen=True):
    """A space that was restored: what it is called now, from what, and how far."""

    space: str
    backup_id: str
    backup_space: str
    lsn: int
    memories: int
    recorded_last: datetime
    digest: str
    erased: int


class RestoredSpaces(msgspec.Struct, frozen=True):
    """The spaces that were restored, each as a whole."""

    spaces: tuple[RestoredValue, ...]


class ArchiveStream(StreamedAnswer):
    """A backup on its way to a caller, made as it goes out."""

    def __init__(self, transfers: Transfers, spaces: list[str] | None) -> None:
        """Take which spaces to back up; None for all."""
        self._transfers, self._spaces = transfers, spaces

    async def send(
        self,
        names: Headers,
        method: str,  # noqa: ARG002 - backups are asked for by POST alone
        receive: Receive,
        send: Send,
        connection: Connection,
    ) -> None:
        """Answer with the archive; cut the connection when it cannot be finished."""
        headers = [*names, (b"content-type", MEDIA_TYPE.encode())]
        headers.append((b"content-disposition", _NAMED))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})

        async def take(data: bytes) -> None:
            with anyio.move_on_after(STALLED_SECONDS_MAX):
                await send({"type": "http.response.body", "body": data, "more_body": True})
                return
            raise ArchiveUnavailable("send a backup to", "its caller", "nothing of it is taken")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave_with_caller, receive, tasks.cancel_scope)
            try:
                made = await self._transfers.send(self._spaces, take)
            except EngramError as error:
                _LOGGER.error("a backup broke off on its way: %s", error)  # noqa: TRY400 - told
                # An archive without an end; its caller must not take the answer for a whole one.
                connection.drop()
                await lowlevel.checkpoint()
            else:
                _LOGGER.info("sent backup %s, %d bytes", made.backup.id, made.bytes_stored)
                await send({"type": "http.response.body", "body": b""})
            tasks.cancel_scope.cancel()


async def backup(call: Call) -> ArchiveStream:
    """Back up a space, or all."""
    transfers = _transfers(call)
    if call.is_named:
        names = [call.space_id]
    else:
        names = call.query.spaces or [each.id for each in await call.db.spaces()]
    for each in names:
        check_space_id(each)
        _check(call, each)
        # What cannot be read is told before the answer begins.
        await (await call.db.space(each)).stats()
    return ArchiveStream(transfers, names)


async def restore(call: Call) -> RestoredSpaces:
    """Restore a space of an archive, or all."""
    query: RestoreQuery = call.query
    space = call.space_id if call.is_named else None
    if query.into is not None:
        _check(call, query.into)
    request = RestoreRequest(None, space, query.into, query.to_lsn, query.to_time)
    done = await _transfers(call).receive(
        call.chunks, request, replace=query.replace, may_ask=call.principal.may_ask
    )
    return RestoredSpaces(tuple(RestoredValue(*each) for each in done))


def _check(call: Call, space: str) -> None:
    if not call.principal.may_ask(space):
        raise SpaceForbidden(space)


def _transfers(call: Call) -> Transfers:
    if call.transfers is None:
        raise Refused(501, "UNSUPPORTED", "this server carries no backups; it has no place for one")
    return call.transfers


_OUT: Any = bytes
ENDPOINTS: Final = (
    Endpoint(
        "POST",
        "/api/v1/backup",
        "Back up one space, or all, as a tar archive that is sent while it is made.",
        backup,
        _OUT,
        query=BackupQuery,
        is_about_store=True,
        needs=Role.ADMIN,
    ),
    Endpoint(
        "POST",
        "/api/v1/restore",
        "Restore spaces from such an archive; all of it is verified before one is touched.",
        restore,
        RestoredSpaces,
        query=RestoreQuery,
        is_about_store=True,
        takes=MEDIA_TYPE,
        writes=True,
        needs=Role.ADMIN,
    ),
)
