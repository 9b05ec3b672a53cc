"""The same calls give the same answers and the same refusals in this process and through tools."""

from __future__ import annotations

from collections import Counter
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
from engram.testing.verb_scenarios import SCENARIOS
from tests.edges.mcp.tool_line import ToolLine

if TYPE_CHECKING:
    from tests.edges.mcp.conftest import Serve

pytestmark = pytest.mark.anyio


async def test_tools_answer_as_the_library_does(serve: Serve) -> None:
    """Values, types, order, errors with their codes and facts: all of it is the same.

    One test, for at its end no tool, and no resource, may have been left out.
    """
    called: Counter[str] = Counter()
    for call in (*SCENARIOS, bad_fields_are_refused):
        async with simulated_store(embedder=HashingEmbedder(), clock=StandingClock()) as own:
            wanted = told(await call(own))
        with serve() as fronts:
            async with engram.connect(fronts.url) as db, Client(fronts.tools_url) as client:
                remote = RemoteEngram(ToolLine(db._line, client, called))
                found = told(await call(remote))
        assert list(differences(found, wanted)) == [], call.__name__
    assert set(called) == {*TOOLS, "resource"}
