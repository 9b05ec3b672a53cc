"""Who asks, and what they may: roles, each bound to some memory spaces or to all."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from engram.model.errors import Forbidden, InvalidRequest, Unauthorized
from engram.model.ids import check_space_id

ALL_SPACES: Final = "*"
"""What stands for every space there is or will be, in place of ids."""


class Role(IntEnum):
    """What somebody may do in their spaces; each role may what the one before it may."""

    READER = 1
    AGENT = 2
    ADMIN = 3

    @classmethod
    def parse(cls, name: object) -> Role:
        """Return the role of that name; InvalidRequest lists the names there are."""
        try:
            return cls[str(name).upper()]
        except KeyError:
            known = ", ".join(role.name.lower() for role in cls)
            raise InvalidRequest(f"role {name!r} is not one of {known}") from None


class Principal(NamedTuple):
    """Somebody who asks; `spaces` None means all of them."""

    name: str
    role: Role
    spaces: frozenset[str] | None

    def may_ask(self, space: str) -> bool:
        """Whether they may ask a memory space at all, be it there or not."""
        return self.spaces is None or space in self.spaces


ANYONE: Final = Principal("", Role.ADMIN, None)
"""Whoever asks where nobody is asked who they are."""


class PrincipalSource(Protocol):
    """Knows who holds a secret."""

    def principal_of(self, secret: str) -> Principal | None:
        """Return who holds a secret; None when this source does not know, or no longer."""


class Access:
    """Knows who asks by what they show; the first source that knows them decides."""

    def __init__(self, sources: Sequence[PrincipalSource]) -> None:
        self._sources = tuple(sources)

    def principal_of(self, secret: str) -> Principal | None:
        """Return who shows a secret; None when nobody is known by it."""
        found = (source.principal_of(secret) for source in self._sources)
        return next((each for each in found if each is not None), None)

    def known(self, secret: str | None) -> Principal:
        """Return who shows a secret; Unauthorized when nothing is shown, or nobody known by it."""
        if secret is None:
            raise Unauthorized("the request shows neither a key nor a token")
        found = self.principal_of(secret)
        if found is None:
            raise Unauthorized(
                "what the request shows is no key or token that is valid here and now"
            )
        return found


def secret_in(authorization: str | None, api_key: str | None) -> str | None:
    """Return what shows who asks: a bearer token, or an API key; None without any."""
    if authorization is None:
        return api_key
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def check_role(principal: Principal, needs: Role) -> None:
    """Refuse with Forbidden who has a lesser role than something takes."""
    if principal.role < needs:
        has, needed = (Role(each).name.lower() for each in (principal.role, needs))
        raise Forbidden(f"this takes the role {needed}; yours is {has}")


def spaces_of(ids: Sequence[str]) -> frozenset[str] | None:
    """Return the spaces that ids name, None for all; InvalidRequest when one is no id, or none."""
    if not ids:
        raise InvalidRequest("no memory space is named; name some, or * for all of them")
    if ALL_SPACES in ids:
        return None
    return frozenset(map(check_space_id, ids))
