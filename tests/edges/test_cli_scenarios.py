"""The same calls give the same answers and the same refusals in this process and as commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from engram.edges.cli.app import DONE, FAILED, USAGE
from engram.testing.clock import StandingClock
from engram.testing.comparing import differences, told
from engram.testing.embedders import HashingEmbedder
from engram.testing.refusal_scenarios import bad_fields_are_refused
from engram.testing.stores import simulated_store
from engram.testing.verb_scenarios import SCENARIOS, Scenario
from tests.edges.command_front import CommandLineFront, CommandStore, Told
from tests.edges.command_words import STORE_VERBS, UNSAID, VERBS

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

pytestmark = pytest.mark.anyio
TABLE = [*SCENARIOS, bad_fields_are_refused]
TOLD = Told(Counter(), Counter(), Counter())
RAN: set[str] = set()

# All they call is in UNSAID: no command would be run.
WITHOUT_COMMANDS = {"_many_are_remembered_at_once"}


@pytest.fixture
def anyio_backend() -> str:
    """Asyncio, as the loop of every command; the store is the same on both."""
    return "asyncio"


@pytest.mark.parametrize("call", TABLE, ids=lambda call: call.__name__.lstrip("_"))
async def test_commands_answer_as_the_library_does(call: Scenario, cli: CommandLine) -> None:
    """Values, types, order, errors with their codes and facts: all of it is the same."""
    async with simulated_store(embedder=HashingEmbedder(), clock=StandingClock()) as own:
        wanted = told(await call(own))
    async with simulated_store(embedder=HashingEmbedder(), clock=StandingClock()) as lent:
        before = TOLD.commands.total()
        front = CommandLineFront(cli.machine, str(cli.path), lent, TOLD)
        found = told(await call(CommandStore(lent, front)))
    assert list(differences(found, wanted)) == []
    has_commands = TOLD.commands.total() > before
    assert has_commands == (call.__name__ not in WITHOUT_COMMANDS)
    RAN.add(call.__name__)


@pytest.fixture(scope="module", autouse=True)
def all_is_said_or_has_a_reason(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every scenario of the table ran, every command of it, and every reason is one still."""
    for each in (*TOLD, RAN):
        each.clear()
    yield
    chosen = [each for each in request.session.items if each.path == request.path]
    if request.session.testsfailed or len(chosen) < len(TABLE):
        return  # one test alone says what it says
    assert {each.__name__ for each in TABLE} == RAN
    verbs = [*VERBS.values(), *STORE_VERBS.values()]
    known = {" ".join(verb.command[: 1 + (verb.command[0] == "space")]) for verb in verbs}
    assert set(TOLD.commands) == known
    assert set(TOLD.unsaid) == set(UNSAID)
    assert set(TOLD.codes) == {DONE, FAILED, USAGE}
