"""One space for each agent and a board for all, behind one server with a key for each agent.

Run it in an empty directory: python one_space_per_agent.py
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

import engram

AGENTS = ("planner", "researcher")
BOARD = "board"


def command(*arguments: str) -> str:
    """Run `engram` as an operator would and return what it printed."""
    done = [sys.executable, "-m", "engram", *arguments]
    return subprocess.run(done, check=True, capture_output=True, text=True).stdout


@contextmanager
def served() -> Iterator[str]:
    """Start a server that lets nobody in without a key; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command("start", "--detach", "--port", str(port))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        command("stop")


async def main() -> None:
    """Each agent thinks in its own space and writes results on the board."""
    os.environ["ENGRAM_DATA_ROOT"], os.environ["ENGRAM_ACCESS"] = "./agents", "on"
    keys = {
        agent: command("keys", "create", agent, "--space", agent, "--space", BOARD).split()[0]
        for agent in AGENTS
    }
    with served() as url:
        async with engram.connect(url, api_key=keys["researcher"]) as db:
            own, board = await db.space("researcher"), await db.space(BOARD)
            await own.remember("Source 3 contradicts source 1; ask the library.")
            await board.remember("The bridge was built in 1883.", source="researcher")

        async with engram.connect(url, api_key=keys["planner"]) as db:
            (hit,) = await (await db.space(BOARD)).recall("when was the bridge built?", limit=1)
            print(f"board, from {hit.memory.source}: {hit.memory.content}")
            try:
                await (await db.space("researcher")).recall("which sources disagree?")
            except engram.errors.SpaceForbidden as error:
                print("planner in researcher:", error)


if __name__ == "__main__":
    anyio.run(main)
