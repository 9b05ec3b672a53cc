"""The parts of an episode as requests of JSON bring them."""

from __future__ import annotations

from typing import Any

import msgspec


class EpisodeBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The parts of an episode, as far as they are told apart."""

    what: str | None = None
    where: str | None = None
    who: str | list[str] | None = None
    why: str | None = None
    how: str | None = None

    def parts(self) -> dict[str, Any]:
        """Return the parts that were given."""
        named = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: part for name, part in named.items() if part is not None}
