"""The same calls give the same answers and the same refusals in this process and as commands."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from engram.edges.cli.app import DONE, FAILED, USAGE
from engram.testing.clock import StandingClock
from engram.testing.comparing import differences, told
from engram.testing.embedders import HashingEmbedder
from engram.testing.refusal_scenarios import bad_fields_are_refused
from engram.testing.stores import simulated_store
from engram.testing.verb_scenarios import SCENARIOS
from tests.edges.command_front import CommandLineFront, CommandStore, Told
from tests.edges.command_words import STORE_VERBS, UNSAID, VERBS

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

pytestmark = pytest.mark.anyio
TABLE = [*SCENARIOS, bad_fields_are_refused]

# All they call is in UNSAID: no command would be run.
WITHOUT_COMMANDS = {"_many_are_remembered_at_once"}


@pytest.fixture
def anyio_backend() -> str:
    """Asyncio, as the loop of every command; the store is the same on both."""
    return "asyncio"


async def test_commands_answer_as_the_library_does(cli: CommandLine) -> None:
    """Values, types, order, errors with their codes and facts: all of it is the same.

    One test, for at its end every command has been run, and every reason is one still.
    """
    seen = Told(Counter(), Counter(), Counter())
    for call in TABLE:
        async with simulated_store(embedder=HashingEmbedder(), clock=StandingClock()) as own:
            wanted = told(await call(own))
        async with simulated_store(embedder=HashingEmbedder(), clock=StandingClock()) as lent:
            before = seen.commands.total()
            front = CommandLineFront(cli.machine, str(cli.path), lent, seen)
            found = told(await call(CommandStore(lent, front)))
        assert list(differences(found, wanted)) == [], call.__name__
        has_commands = seen.commands.total() > before
        assert has_commands == (call.__name__ not in WITHOUT_COMMANDS), call.__name__
    verbs = [*VERBS.values(), *STORE_VERBS.values()]
    known = {" ".join(verb.command[: 1 + (verb.command[0] == "space")]) for verb in verbs}
    assert set(seen.commands) == known
    assert set(seen.unsaid) == set(UNSAID)
    assert set(seen.codes) == {DONE, FAILED, USAGE}
