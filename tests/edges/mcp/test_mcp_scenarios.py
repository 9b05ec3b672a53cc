"""The same calls give the same answers and the same refusals in this process and through tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from mcp import Client

import engram
from engram.edges.client.store import RemoteEngram
from engram.edges.mcp.tools import TOOLS
from engram.testing.clock import StandingClock
from engram.testing.comparing import differences, told
from engram.testing.embedders import HashingEmbedder
from engram.testing.refusal_scenarios import bad_fields_are_refused
from engram.testing.stores import simulated_store
from engram.testing.verb_scenarios import SCENARIOS, Scenario
from tests.edges.mcp.tool_line import ToolLine

if TYPE_CHECKING:
    from tests.edges.mcp.conftest import Fronts

pytestmark = pytest.mark.anyio
CALLED: Counter[str] = Counter()


@pytest.mark.parametrize(
    "call",
    [*SCENARIOS, bad_fields_are_refused],
    ids=lambda call: call.__name__.lstrip("_"),
)
async def test_tools_answer_as_the_library_does(call: Scenario, fronts: Fronts) -> None:
    """Values, types, order, errors with their codes and facts: all of it is the same."""
    async with simulated_store(embedder=HashingEmbedder(), clock=StandingClock()) as own:
        wanted = told(await call(own))
    async with engram.connect(fronts.url) as db, Client(fronts.tools_url) as client:
        remote = RemoteEngram(ToolLine(db._line, client, CALLED))
        assert list(differences(told(await call(remote)), wanted)) == []


@pytest.fixture(scope="module", autouse=True)
def every_tool_is_called() -> Iterator[None]:
    """No tool, and no resource, is left out of the table."""
    CALLED.clear()
    yield
    if sum(CALLED.values()) > len(SCENARIOS):  # one test alone calls what it calls
        assert set(CALLED) == {*TOOLS, "resource"}
