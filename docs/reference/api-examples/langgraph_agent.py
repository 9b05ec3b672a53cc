"""A graph of LangGraph whose nodes share a memory that is still there at the next start.

Run it in an empty directory: python langgraph_agent.py
It needs: pip install "engram-memory-engine[langgraph]"
"""

from __future__ import annotations

import asyncio
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

import engram
from engram.integrations.langgraph import EngramStore


class User(TypedDict):
    """Who the graph runs for."""

    id: str


class State(TypedDict, total=False):
    """What its nodes pass on."""

    said: str
    known: str


async def look_back(state: State, runtime: Runtime[User]) -> State:
    """Find what this user said before that has to do with it."""
    if runtime.store is None:
        raise RuntimeError("the graph was compiled without a store")
    namespace = ("facts", runtime.context["id"])
    found = await runtime.store.asearch(namespace, query=state["said"], limit=1)
    return {"known": found[0].value["text"] if found else "nothing"}


async def note(state: State, runtime: Runtime[User]) -> State:
    """Keep what the user says."""
    if runtime.store is None:
        raise RuntimeError("the graph was compiled without a store")
    namespace = ("facts", runtime.context["id"])
    await runtime.store.aput(namespace, state["said"], {"text": state["said"]})
    return {}


async def main() -> None:
    """Run the graph for two users, over two starts."""
    builder = StateGraph(State, context_schema=User)
    builder.add_node("look_back", look_back)
    builder.add_node("note", note)
    builder.add_edge(START, "look_back")
    builder.add_edge("look_back", "note")
    builder.add_edge("note", END)
    for said in ("My dog is called Turing.", "What is my dog called?"):
        async with engram.open("./data") as db:
            graph = builder.compile(store=EngramStore(await db.space("agents")))
            for user in ("ada", "charles"):
                if said.startswith("My") and user == "charles":
                    continue
                done = await graph.ainvoke({"said": said}, context={"id": user})
                print(f"{user}: {said} | known: {done['known']}")


if __name__ == "__main__":
    asyncio.run(main())
