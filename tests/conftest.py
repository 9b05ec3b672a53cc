"""Fixtures every test folder shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Links and concepts come when they come; a test that is about them
# asks for them. Children inherit it.
os.environ["ENGRAM_LINKER"] = os.environ["ENGRAM_CONSOLIDATION"] = "off"
# What the user of this machine has configured is no part of any test.
os.environ["XDG_CONFIG_HOME"] = str(Path(__file__).parent / "no such directory")


# No test is timed: a busy machine is no fault of what is tested.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run each core test on both event loops."""
    return str(request.param)
