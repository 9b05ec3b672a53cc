"""The commands over API keys: keys create, list, revoke."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from engram.edges.cli.options import Labels, Place
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from engram.edges.cli.machine import KeyFacts
    from engram.edges.cli.session import Session

_HERE = Place()


class KeyCommands:
    """Commands that say who a server lets in."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        name: Annotated[str, Parameter(help="Who is to hold it; the audit names them.")],
        /,
        *,
        role: Annotated[
            Literal["reader", "agent", "admin"], Parameter(help="What its holder may do.")
        ] = "agent",
        space: Annotated[
            Labels, Parameter(help="A memory space it opens; repeatable. * opens all of them.")
        ] = (),
        place: Place = _HERE,
    ) -> int:
        """Make a key for memory spaces and show it, for the only time."""
        keys = self._session.machine.servers.keys(place.settings())
        key, facts = keys.create(name, role, space)
        if place.json:
            print_json({"key": key, **_value(facts)})
            return 0
        console = self._session.console
        console.print(key, soft_wrap=True)
        spaces = ", ".join(facts.spaces)
        console.print(
            f"Keep it: it is not shown again. It is {facts.id}, {facts.role} of {spaces}.",
            style="dim",
            soft_wrap=True,
        )
        return 0

    def list(self, *, place: Place = _HERE) -> int:
        """List the keys that were made, without what opens anything."""
        found = self._session.machine.servers.keys(place.settings()).listed()
        if place.json:
            print_json([_value(each) for each in found])
            return 0
        from engram.edges.cli.screen import table_of  # noqa: PLC0415 - not needed for --help

        columns = ("id", "name", "role", "spaces", "created", "revoked")
        lines = [
            [
                *(each.id, each.name, each.role, ", ".join(each.spaces)),
                f"{each.created_at:%Y-%m-%d}",
                "-" if each.revoked_at is None else f"{each.revoked_at:%Y-%m-%d}",
            ]
            for each in found
        ]
        self._session.console.print(table_of(columns, lines) if lines else "No key was made yet.")
        return 0

    def revoke(
        self,
        key_id: Annotated[str, Parameter(name="id", help="The id that `keys list` shows.")],
        /,
        *,
        place: Place = _HERE,
    ) -> int:
        """Let nobody in by a key any more; a running server refuses it from the next request on."""
        facts = self._session.machine.servers.keys(place.settings()).revoke(key_id)
        if place.json:
            print_json(_value(facts))
        else:
            self._session.console.print(f"Revoked: {facts.id} ({facts.name})")
        return 0


def _value(facts: KeyFacts) -> dict[str, Any]:
    revoked = facts.revoked_at
    return {
        "id": facts.id,
        "name": facts.name,
        "role": facts.role,
        "spaces": list(facts.spaces),
        "created_at": facts.created_at.isoformat(),
        "revoked_at": None if revoked is None else revoked.isoformat(),
    }
