"""The classes of mem0 over a space answer as mem0's own, and keep what it does not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import engram
from engram.integrations.mem0 import AsyncMemory, Memory
from engram.integrations.mem0_filters import passes
from engram.service.space import Space
from engram.testing.stores import HistoryClock
from tests.integrations.mem0_story import METHODS, settled, signature, tell

pytestmark = pytest.mark.anyio

ANSWERS = json.loads(Path(__file__).with_name("mem0_answers.json").read_text(encoding="utf-8"))
ADA = {"user_id": "ada"}


@pytest.fixture
async def memory(space: Space, clock: HistoryClock) -> AsyncMemory:
    """Memories of a space nothing was written to, without a clock that moves."""
    return AsyncMemory(space=space, clock=clock)


@pytest.mark.parametrize("where", ["waited", "far"])
def test_every_answer_is_that_of_mem0(where: str, request: pytest.FixtureRequest) -> None:
    assert tell(Memory(space=request.getfixturevalue(where))) == ANSWERS["answers"]


@pytest.mark.parametrize("kind", [Memory, AsyncMemory])
def test_every_method_takes_what_that_of_mem0_takes(kind: type) -> None:
    """But `infer`, which is not set unless the caller does."""
    theirs = ANSWERS["signatures"][kind.__name__]
    for method in METHODS:
        ours = signature(kind, method).replace("**named", "**kwargs")
        expected = theirs[method].replace("infer=True", "infer=False")
        assert ours.replace("var_keyword named", "var_keyword kwargs") == expected, method


async def test_with_await_the_answers_are_the_same(memory: AsyncMemory) -> None:
    added = await memory.add("I like tea", user_id="ada", run_id="r")
    (one,) = added["results"]
    assert settled(await memory.get(one["id"])) == {
        "id": "<id>",
        "memory": "I like tea",
        "hash": "5dba890347a8644a0a37f670d5afb6fa",
        "metadata": None,
        "score": None,
        "created_at": "<time>",
        "updated_at": "<time>",
        "user_id": "ada",
        "run_id": "r",
        "role": "user",
    }
    (found,) = (await memory.search("tea", filters=ADA))["results"]
    assert found["id"] == one["id"]
    await memory.update(one["id"], data="I like coffee")
    await memory.update(one["id"], expiration_date="2001-01-01")
    assert (await memory.get_all(filters=ADA))["results"] == []
    (shown,) = (await memory.get_all(filters=ADA, show_expired=True))["results"]
    assert (shown["memory"], shown["expiration_date"]) == ("I like coffee", "2001-01-01")
    assert [each["event"] for each in await memory.history(one["id"])] == [
        "ADD", "UPDATE", "UPDATE",
    ]  # fmt: skip
    assert await memory.delete(one["id"]) == {"message": "Memory deleted successfully!"}
    assert await memory.history(one["id"]) == []
    await memory.add("x", user_id="ada")
    await memory.delete_all(user_id="ada")
    await memory.add("y", user_id="ada")
    await memory.reset()
    assert (await memory.get_all(filters=ADA))["results"] == []


async def test_a_user_sees_nothing_of_another(memory: AsyncMemory) -> None:
    """Not even when both said the same in the same moment, or one of them makes up metadata."""
    for user in ("ada", "bob"):
        await memory.add("my secret is blue", user_id=user)
    await memory.add("a trap", user_id="eve", metadata={"user_id": "ada", "agent_id": "x"})
    for user in ("ada", "bob"):
        for found in (
            await memory.search("secret trap", filters={"user_id": user}, threshold=0.0),
            await memory.get_all(filters={"user_id": user}),
        ):
            assert [each["user_id"] for each in found["results"]] == [user]
    assert (await memory.get_all(filters={"agent_id": "x"}))["results"] == []
    with pytest.raises(ValueError, match=r"'mem0\.user_id'; that name is Engram's"):
        await memory.add("a trap", user_id="eve", metadata={"mem0.user_id": "ada"})
    await memory.delete_all(user_id="ada")
    assert len((await memory.get_all(filters={"user_id": "bob"}))["results"]) == 1


async def test_what_needs_a_language_model_is_refused(memory: AsyncMemory) -> None:
    for asked in (
        {"infer": True},
        {"prompt": "sum it up"},
        {"memory_type": "procedural_memory", "agent_id": "a"},
        {"llm": object()},
    ):
        with pytest.raises(ValueError, match="language model"):
            await memory.add("I like tea", user_id="ada", **asked)
    assert (await memory.get_all(filters=ADA))["results"] == []


@pytest.mark.parametrize(
    ("method", "positional", "named", "said"),
    [
        ("delete", ["none"], {}, "not found"),
        ("update", ["none", "x"], {}, "not found"),
        ("update", ["none"], {}, "At least one of text"),
        ("search", ["tea"], {}, "at least one of: user_id"),
        ("search", [" "], {"filters": ADA}, "Invalid query"),
        ("search", ["x"], {"filters": {"user_id": "a b"}}, "Invalid user_id"),
        ("search", ["x"], {"user_id": "ada"}, "Top-level entity"),
        ("search", ["x"], {"filters": ADA, "threshold": 2}, "Invalid threshold"),
        ("search", ["x"], {"filters": ADA, "reference_date": 1}, "reference_date"),
        ("get_all", [], {}, "at least one of: user_id"),
        ("get_all", [], {"filters": ADA, "top_k": -1}, "Invalid top_k"),
        ("get_all", [], {"run_id": "r"}, "Top-level entity"),
        ("delete_all", [], {}, "At least one filter"),
        ("add", ["x"], {}, "At least one of 'user_id'"),
        ("add", [3], {"user_id": "ada"}, "messages must be"),
        ("add", ["x"], {"user_id": "ada", "timestamp": 1}, "timestamp"),
        ("add", ["x"], {"user_id": "ada", "memory_type": "z"}, "Invalid 'memory_type'"),
        ("add", ["x"], {"user_id": "ada", "expiration_date": "soon"}, "YYYY-MM-DD"),
    ],
)  # fmt: skip
async def test_wrong_arguments_are_a_value_error(
    method: str, positional: list[Any], named: dict[str, Any], said: str, memory: AsyncMemory
) -> None:
    with pytest.raises(ValueError, match=said):
        await getattr(memory, method)(*positional, **named)


@pytest.mark.parametrize(
    ("wanted", "is_met"),
    [
        ({"n": 3}, True),
        ({"n": True}, False),
        ({"n": {"gte": 3, "lt": 4}}, True),
        ({"n": {"gt": "2"}}, False),
        ({"n": {"ne": 3}}, False),
        ({"missing": {"ne": 3}}, True),
        ({"tags": "a"}, True),
        ({"tags": {"contains": "b"}}, True),
        ({"tags": {"nin": ["c"]}}, True),
        ({"text": {"in": ["Tea", "Rum"]}}, True),
        ({"text": {"icontains": "te"}}, True),
        ({"text": {"contains": "te"}}, False),
        ({"text": "*"}, True),
        ({"missing": "*"}, False),
        ({"AND": [{"n": 3}, {"text": {"eq": "Tea"}}]}, True),
        ({"OR": [{"n": 4}, {"NOT": [{"text": "Rum"}]}]}, True),
        ({"NOT": [{"n": 3}]}, False),
    ],
)
def test_conditions(wanted: dict[str, Any], *, is_met: bool) -> None:
    assert passes({"n": 3, "tags": ["a", "b"], "text": "Tea"}, wanted) == is_met


def test_an_operator_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="operator: like"):
        passes({"n": 3}, {"n": {"like": 3}})


async def test_an_export_of_mem0_is_there_when_it_was_imported(
    memory: AsyncMemory, space: Space, tmp_path: Path
) -> None:
    exported = {
        "results": [
            {
                "id": "892db2ae-06d9-49e5-8b3e-585ef9b85b8e",
                "memory": "Ada likes tea",
                "hash": "h",
                "created_at": "2024-07-20T01:30:36+00:00",
                "updated_at": "2024-07-21T00:00:00+00:00",
                "metadata": {"topic": "drinks"},
                "user_id": "ada",
            }
        ]
    }
    file = tmp_path / "mem0.json"
    file.write_text(json.dumps(exported), encoding="utf-8")
    await space.import_from(file, format="mem0")

    (found,) = (await memory.search("tea", filters=ADA))["results"]
    expected = exported["results"][0] | {"hash": found["hash"], "score": found["score"]}
    assert found == expected
    await memory.update(found["id"], "Ada likes coffee")
    changed = await memory.get(found["id"])
    assert changed is not None
    assert (changed["memory"], changed["metadata"]) == ("Ada likes coffee", {"topic": "drinks"})


PROGRAM = """
import sys
from engram.integrations.mem0 import Memory
memory = Memory.from_config({"path": sys.argv[1], "space": "notes"})
memory.add("I am allergic to peanuts.", user_id="ada")
print(len(memory.search("peanuts", filters={"user_id": "ada"})["results"]))
"""


def test_a_program_that_closes_nothing_ends_and_finds_it_again(tmp_path: Path) -> None:
    counts = [
        subprocess.run(  # noqa: S603 - our own interpreter and our own words
            [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path / "store")],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert counts == ["1", "2"]


def test_a_configuration_of_mem0_is_left_aside_and_an_unknown_one_refused(tmp_path: Path) -> None:
    config = {"path": str(tmp_path / "store"), "llm": {"provider": "openai"}, "version": "v1.1"}
    with (
        pytest.warns(UserWarning, match="leaves llm, version of a configuration"),
        Memory.from_config(config) as memory,
    ):
        memory.add("I like tea", user_id="ada")
    with pytest.raises(ValueError, match="no field 'paht'"):
        Memory({"paht": "x"})
    with pytest.raises(engram.errors.InvalidRequest):
        Memory({"path": str(tmp_path / "store"), "space": "Not A Space"})


def test_a_memory_nobody_holds_lets_go_of_its_store(tmp_path: Path) -> None:
    """Also when it is its own store's thread that finds the garbage."""
    for in_thread in (False, True):
        memory = Memory({"path": str(tmp_path / "store")})
        held = memory._held
        assert held is not None
        portal, thread = held._portal, held._thread
        del held
        holders = [memory]
        del memory
        if in_thread:
            portal.call(holders.clear)
        else:
            holders.clear()
        thread.join(timeout=30)
        assert not thread.is_alive()


async def test_a_store_that_was_opened_for_it_is_closed_with_it(tmp_path: Path) -> None:
    for _ in range(2):
        async with AsyncMemory({"path": str(tmp_path / "store")}) as memory:
            await memory.add("I like tea", user_id="ada")
            found = await memory.get_all(filters=ADA)
    assert len(found["results"]) == 2
