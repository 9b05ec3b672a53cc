"""The quotas of a space, as callers of a server meet them."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from engram.adapters.local.clock import SystemClock
from engram.edges.http.app import make_app
from engram.edges.http.door import Host
from engram.settings import load_settings
from engram.wiring import open_store

pytestmark = pytest.mark.anyio


async def test_a_full_space_is_507_and_a_busy_one_429(tmp_path: Path) -> None:
    """With what a caller can do, and when."""
    settings = load_settings(
        {"ENGRAM_QUOTA_MEMORIES": "0,full=1", "ENGRAM_QUOTA_WRITES_PER_S": "0,busy=1"}
    )
    async with open_store(tmp_path, embedder=None, kernels="numpy", settings=settings) as db:
        app = make_app(Host(db, "1", "s", SystemClock()))
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            for space, status, code in (
                ("full", 507, "QUOTA_REACHED"),
                ("busy", 429, "RATE_LIMITED"),
            ):
                path = f"/api/v1/memories?space={space}"
                batch = {"memories": [{"content": f"text {number}"} for number in range(99)]}
                first = {"content": "text"}
                assert (await client.post(path, json=first)).status_code == 201
                if status == 429:
                    await client.post("/api/v1/memories/batch?space=busy", json=batch)
                answer = await client.post(path, json={"content": "another"})
                assert (answer.status_code, answer.json()["code"]) == (status, code)
                assert ("retry-after" in answer.headers) is (status == 429)
