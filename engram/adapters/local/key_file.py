"""API keys in a file of the store's directory: their digests, and who holds them."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from engram.adapters.local.filesystem import LocalFilesystem, storage_failed
from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest
from engram.model.memory import to_datetime
from engram.ports import Clock, Entropy
from engram.service.access import ALL_SPACES, Principal, Role, spaces_of

_NAME: Final = ".keys.json"
_LOCK: Final = ".keys.lock"
_PREFIX: Final = "engram_"
_SECRET_BYTES: Final = 32
_ID_CHARACTERS: Final = 12
_NAME_CHARACTERS_MAX: Final = 128


class KeyFacts(msgspec.Struct, frozen=True):
    """What is kept of a key; the key itself is not."""

    id: str
    name: str
    role: str
    spaces: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None = None


class _Kept(KeyFacts, frozen=True, kw_only=True):
    sha256: str


class _File(msgspec.Struct, frozen=True):
    keys: tuple[_Kept, ...] = ()


class KeyFile:
    """The keys of a store; every call blocks, and sees what other processes changed before it."""

    def __init__(self, root: str | os.PathLike[str], clock: Clock, entropy: Entropy) -> None:
        self._root = Path(root).expanduser().absolute()
        self._path = self._root / _NAME
        self._clock, self._entropy = clock, entropy
        self._version: tuple[int, int] | None = None
        self._holders: dict[str, tuple[str, Principal]] = {}

    def create(self, name: str, role: str, spaces: Sequence[str]) -> tuple[str, KeyFacts]:
        """Make a key and return it, for the only time, with what is kept of it.

        Raises:
            InvalidRequest: the role, a space or the name breaks a rule.
            StoreInUse: another process changes the keys at this moment.
            StorageFailed: the disk refused.
        """
        if not 1 <= len(name) <= _NAME_CHARACTERS_MAX or not name.isprintable():
            raise InvalidRequest(f"name {name!r} is not 1 to {_NAME_CHARACTERS_MAX} characters")
        bound = spaces_of(spaces)
        secret = urlsafe_b64encode(self._entropy.token(_SECRET_BYTES)).rstrip(b"=").decode()
        key = f"{_PREFIX}{secret}"
        digest = _digest(key)
        kept = _Kept(
            id=digest[:_ID_CHARACTERS],
            name=name,
            role=Role.parse(role).name.lower(),
            spaces=(ALL_SPACES,) if bound is None else tuple(sorted(bound)),
            created_at=to_datetime(self._clock.now()),
            sha256=digest,
        )
        self._change(lambda keys: (*keys, kept))
        return key, _told(kept)

    def listed(self) -> list[KeyFacts]:
        """Return what is kept of every key, the oldest first; StorageFailed when unreadable."""
        return [_told(each) for each in self._read().keys]

    def revoke(self, key_id: str) -> KeyFacts:
        """Let nobody in by a key any more; InvalidRequest when there is none of that id."""
        now = to_datetime(self._clock.now())
        revoked: list[_Kept] = []

        def without(keys: tuple[_Kept, ...]) -> tuple[_Kept, ...]:
            changed = []
            for each in keys:
                if each.id == key_id:
                    at = each.revoked_at or now
                    revoked.append(msgspec.structs.replace(each, revoked_at=at))
                    changed.append(revoked[-1])
                else:
                    changed.append(each)
            if not revoked:
                said = f"there is no key {key_id!r}; see those there are with `engram keys list`"
                raise InvalidRequest(said)
            return tuple(changed)

        self._change(without)
        return _told(revoked[0])

    def principal_of(self, secret: str) -> Principal | None:
        """Return who holds a key that was not revoked; None for anything else.

        The file is read again when it changed, so that a revoked key is refused at once.
        """
        if not secret.startswith(_PREFIX):
            return None
        version = self._current_version()
        if version != self._version:
            self._holders = {
                each.sha256: (
                    each.sha256,
                    Principal(
                        f"{each.name}#{each.id}", Role.parse(each.role), spaces_of(each.spaces)
                    ),
                )
                for each in self._read().keys
                if each.revoked_at is None
            }
            self._version = version
        # Nobody can choose the digest of what they guess, so how long it is looked for tells
        # nothing; the comparison itself takes the same time for any.
        digest = _digest(secret)
        kept, holder = self._holders.get(digest, ("", None))
        return holder if hmac.compare_digest(kept, digest) else None

    def _current_version(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - a quarter of a Path's own
        except FileNotFoundError:
            return (0, 0)
        except OSError as error:
            raise storage_failed("read", self._path, error) from error
        return (found.st_mtime_ns, found.st_ino)

    def _read(self) -> _File:
        try:
            return json_decoder(_File).decode(self._path.read_bytes())
        except FileNotFoundError:
            return _File()
        except msgspec.DecodeError as error:
            raise InvalidRequest(
                f"{self._path} is damaged: {error}; restore it from a copy, or remove it and make "
                "new keys"
            ) from error
        except OSError as error:
            raise storage_failed("read", self._path, error) from error

    def _change(self, change: Callable[[tuple[_Kept, ...]], tuple[_Kept, ...]]) -> None:
        lock = LocalFilesystem(self._root).lock(_LOCK)
        try:
            draft = self._path.with_suffix(".draft")
            data = msgspec.json.encode(_File(change(self._read().keys)))
            try:
                descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self._path)
            except OSError as error:
                raise storage_failed("write", self._path, error) from error
        finally:
            lock.close()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def _told(kept: _Kept) -> KeyFacts:
    return KeyFacts(kept.id, kept.name, kept.role, kept.spaces, kept.created_at, kept.revoked_at)
