"""JSON Web Tokens as proof of who asks: HS256 with one secret, and nothing else."""

from __future__ import annotations

from typing import Any, Final

import jwt

from engram.model.errors import InvalidRequest
from engram.service.access import Principal, Role, spaces_of

_ALGORITHMS: Final = ("HS256",)
_REQUIRED: Final = ("exp", "sub", "role", "spaces")
_PARTS: Final = 3


class SignedTokens:
    """Knows who a token was made for: its claims `sub`, `role`, `spaces` (a list) and `exp`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def principal_of(self, secret: str) -> Principal | None:
        """Return who holds a token; None when it is none, or not of ours, or no longer valid."""
        if secret.count(".") != _PARTS - 1:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                secret, self._secret, algorithms=[*_ALGORITHMS], options={"require": [*_REQUIRED]}
            )
            spaces = claims["spaces"]
            if not isinstance(spaces, list):
                return None
            role = Role.parse(claims["role"])
            return Principal(f"token:{claims['sub']}", role, spaces_of(spaces))
        except (jwt.PyJWTError, InvalidRequest):
            return None
