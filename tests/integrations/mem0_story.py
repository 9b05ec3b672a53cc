"""One run of calls to a class like mem0's `Memory`, and its answers without what is by chance.

`mem0_answers.json` holds what mem0ai 2.2.1 answered: `Memory` over its local Qdrant, an embedder
that counts words, MEM0_TELEMETRY=False, and `infer=False` for every `add`. Written by calling
`tell(memory, infer=False)` with that class; mem0ai itself cannot be installed beside what the tests
need (it asks for protobuf below 7).
"""

from __future__ import annotations

import inspect
import re
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADA = {"user_id": "ada"}
_MISSING = "00000000-0000-4000-8000-000000000000"
METHODS = ("add", "get", "get_all", "search", "update", "delete", "delete_all", "history", "reset")


def signature(kind: type, method: str) -> str:
    """Return the names and defaults of a method's parameters."""
    found = []
    for each in inspect.signature(getattr(kind, method)).parameters.values():
        plain = isinstance(each.default, str | int | float | bool | None)
        default = repr(each.default) if plain else "..."
        given = "" if each.default is inspect.Parameter.empty else f"={default}"
        found.append(f"{each.kind.name.lower()} {each.name}{given}")
    return ", ".join(found)


def tell(memory: Any, **named: Any) -> dict[str, Any]:
    """Call the methods one after the other and return what they answered."""
    talk = [
        {"role": "system", "content": "be nice"},
        {"role": "user", "content": "I like green tea", "name": "ada"},
        {"role": "assistant", "content": [{"type": "text", "text": "noted tea"}]},
    ]
    kept = {"topic": "drinks", "n": 3, "user_id": "eve"}
    first = memory.add(talk, user_id=" ada ", run_id="r1", metadata=kept, **named)
    first_id = first["results"][0]["id"]
    told = {
        "add": first,
        "add one": memory.add("soon no tea", expiration_date="2099-01-31", user_id="ada", **named),
        "add past": memory.add("old tea", expiration_date="2001-01-31", user_id="ada", **named),
        "add for other": memory.add({"role": "user", "content": "tea"}, agent_id="a", **named),
        "get": memory.get(first_id),
        "get nothing": memory.get(_MISSING),
        "get_all": memory.get_all(filters=_ADA),
        "get_all expired": memory.get_all(filters=_ADA, show_expired=True),
        "get_all of two ids": memory.get_all(filters={"user_id": "ada", "run_id": "r1"}),
        "get_all of a topic": memory.get_all(filters={"user_id": "ada", "topic": "drinks"}),
        "search": memory.search("tea", filters=_ADA),
        "search above": memory.search("tea", filters={**_ADA, "n": {"gt": 2}}),
        "search explained": memory.search("green tea", filters=_ADA, top_k=1, explain=True),
        "search nobody": memory.search("tea", filters={"user_id": "nobody"}),
        "update": memory.update(first_id, "I like coffee", metadata={"topic": "hot"}),
        "updated": memory.get(first_id),
        "update metadata": memory.update(first_id, metadata={"n": 4, "run_id": "r2"}),
        "update metadata's": memory.get(first_id),
        "history": memory.history(first_id),
        "delete": memory.delete(first_id),
        "deleted": memory.get(first_id),
        "delete_all": memory.delete_all(run_id="r1"),
        "left": memory.get_all(filters=_ADA),
        "reset": memory.reset(),
        "after reset": memory.get_all(filters={"agent_id": "a"}),
    }
    return {name: settled(answer) for name, answer in told.items()}


def settled(answer: Any) -> Any:
    """Return an answer without ids, times, scores, and the order of a list of memories."""
    if isinstance(answer, dict):
        return {name: _told(name, value) for name, value in answer.items()}
    if isinstance(answer, list):
        return sorted((settled(each) for each in answer), key=str)
    if isinstance(answer, str):
        return _TIME.sub("<time>", _ID.sub("<id>", answer))
    return answer


def _told(name: str, value: Any) -> Any:
    if name == "score_details":
        return sorted(value) and "<parts>"
    if name == "score" and value is not None:
        return "<score>" if 0 <= value <= 1 else value
    return settled(value)
