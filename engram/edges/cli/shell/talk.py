"""One visit of the shell to a store: which space is asked, with what, and how answers look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from engram.edges.cli.answers import Form, print_answer
from engram.model.errors import SpaceNotFound
from engram.query.lexer import PARAMETER, spans_of

if TYPE_CHECKING:
    from engram.edges.cli.machine import AnyStore
    from engram.edges.cli.session import Session
    from engram.model.answer import Answer

# As many as somebody may look through in a menu.
_LABELS_COUNT: Final = 50


class Talk:
    """Asks statements of one space at a time and prints what they are answered with."""

    def __init__(
        self,
        session: Session,
        store: AnyStore,
        *,
        space: str,
        form: Form,
        parameters: Mapping[str, Any],
        budget_ms: float | None,
    ) -> None:
        self.console = session.console
        self.parameters = dict(parameters)
        """By name, without the $."""
        self.space = space
        """The id of the space that is asked."""
        self.form: Form = form
        """How answers are printed."""
        self.is_over = False
        """Whether somebody said that it is enough."""
        self.asked = ""
        """The statement that was asked last, as it was asked: places in errors are places in it."""
        self._store = store
        self.is_remote = hasattr(store, "url")
        """Whether a server is asked, whose answers have no `result`."""
        self._budget_ms = budget_ms

    async def ask(self, statement: str, *, explain: bool = False) -> Answer:
        """Return the answer to a statement, with those parameters that it asks for.

        `explain` has it tell all ways that led to a memory, not the strongest alone.

        Raises:
            What `Engram.space` and `Space.query` raise.
        """
        self.asked = statement
        named = {
            statement[at + 1 : end] for kind, at, end in spans_of(statement) if kind == PARAMETER
        }
        given = {name: value for name, value in self.parameters.items() if name in named}
        space = await self._store.space(self.space)
        return await space.query(statement, given, budget_ms=self._budget_ms, explain=explain)

    def show(self, answer: Answer) -> None:
        """Print an answer."""
        print_answer(self.console, answer, self.form)

    def say(self, text: str) -> None:
        """Print a remark of the shell itself."""
        self.console.print(text, style="dim", soft_wrap=True)

    async def move_to(self, space: str) -> None:
        """Ask another space from now on; InvalidRequest when it cannot be a space's id."""
        self.space = (await self._store.space(space)).id
        if space not in await self.space_names():
            self.say("There is no such space yet; the first memory makes it.")

    async def space_names(self) -> list[str]:
        """Return the spaces there are; none is opened for it."""
        return sorted(each.space for each in (await self._store.health()).spaces)

    async def labels(self, field: str, prefix: str) -> list[str]:
        """Return labels of a field that begin so, those of most memories first."""
        space = await self._store.space(self.space)
        try:
            found = await space.labels(field, prefix=prefix, limit=_LABELS_COUNT)
        except SpaceNotFound:  # nothing was remembered there yet
            return []
        return [each.label for each in found]
