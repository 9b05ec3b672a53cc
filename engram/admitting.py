"""Who is let in, how often they may ask, and what is written down of it, as the settings say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import anyio
import anyio.to_thread

from engram.adapters.local.audit_file import AuditFile
from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.local.key_file import KeyFile
from engram.service.access import Access, PrincipalSource
from engram.service.limiting import TokenBuckets
from engram.settings import Settings

# By which programs of this machine call a server of it.
_LOCAL_NAMES: Final = frozenset(("localhost", "127.0.0.1", "::1"))

_DIRECTORY_MODE: Final = 0o700  # as the store has it


def names_of(settings: Settings) -> frozenset[str] | None:
    """Return the only names by which a server may be called over HTTP; None: any."""
    if settings.access or not settings.is_local:
        return None
    return _LOCAL_NAMES | {settings.http_host}


@asynccontextmanager
async def open_checks(
    settings: Settings,
) -> AsyncIterator[tuple[Access | None, TokenBuckets | None, AuditFile | None]]:
    """Lend who is known, how often they may ask, and what writes it down; None for neither."""
    limiter = None
    if settings.rate_limit:
        limiter = TokenBuckets(settings.rate_limit, settings.rate_burst)
    async with _open_audit(settings) as audit:
        yield make_access(settings) if settings.access else None, limiter, audit


@asynccontextmanager
async def _open_audit(settings: Settings) -> AsyncIterator[AuditFile | None]:
    path = settings.audit_path
    if path is None:
        yield None
        return
    if path.parent == settings.data_path:
        # It may be asked for before there is a store.
        make = partial(path.parent.mkdir, mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        await anyio.to_thread.run_sync(make)
    audit = await anyio.to_thread.run_sync(AuditFile, path)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(audit.run)
            yield audit
            tasks.cancel_scope.cancel()
    finally:
        audit.close()


def make_keys(settings: Settings) -> KeyFile:
    """Return the API keys of the store of the settings."""
    return KeyFile(settings.data_path, SystemClock(), SystemEntropy())


def make_access(settings: Settings) -> Access:
    """Return who is known to the server: holders of keys, and of tokens where there is a secret."""
    sources: list[PrincipalSource] = [make_keys(settings)]
    if settings.jwt_secret:
        # Few servers take tokens, and their cryptography is slow to load.
        from engram.adapters.local.tokens import SignedTokens  # noqa: PLC0415

        sources.append(SignedTokens(settings.jwt_secret))
    return Access(sources)
