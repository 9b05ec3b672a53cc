"""What tools say of themselves, and of calls that are wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from mcp import Client, MCPError

from engram.edges.mcp.asked import FilterFields, MemoryFields
from engram.edges.mcp.schemas import answer_schema_of, schema_of
from engram.edges.mcp.tools import TOOLS, Tool
from engram.model import errors
from engram.service.access import Role
from engram.service.questions import FilterArguments
from engram.service.wire.refusals import TITLES, remedy_of

if TYPE_CHECKING:
    from tests.edges.mcp.conftest import Fronts

EACH = pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
NAMES = "remember recall recognize forget correct associate spread consolidate list stats"


def test_there_is_a_tool_for_every_verb_of_the_specification() -> None:
    assert list(TOOLS) == NAMES.split()


@EACH
def test_a_description_says_what_it_does_and_then_when_to_use_it(tool: Tool) -> None:
    """Two sentences, of a length that an agent with fifty tools can bear."""
    what, when = re.split(r"(?<=\.) (?=[A-Z])", tool.description)
    assert re.match(r"[A-Z][a-z]+ ", what)
    assert when.startswith("Use it when ")
    assert when.endswith(".")
    assert 60 < len(tool.description) < 400


@EACH
def test_schemas_are_objects_that_a_validator_takes(tool: Tool) -> None:
    for schema in (schema_of(tool.takes), answer_schema_of(tool.answers)):
        assert schema["type"] == "object"
        Draft202012Validator.check_schema(schema)
    taken = schema_of(tool.takes)
    assert taken["additionalProperties"] is False
    assert "space" in taken["properties"]


def test_tools_take_every_filter_and_every_field_of_the_library() -> None:
    """Vectors aside, which no agent has."""
    assert set(FilterFields.__struct_fields__) == set(FilterArguments.__annotations__)
    from engram.edges.http.asked import MemoryFields as OfHttp  # noqa: PLC0415 - to compare with

    assert {*MemoryFields.__struct_fields__, "embedding"} == set(OfHttp.__struct_fields__)


def test_whoever_only_reads_changes_nothing() -> None:
    readers = {name for name, tool in TOOLS.items() if tool.needs is Role.READER}
    assert readers == {"recall", "recognize", "spread", "list", "stats"}


def test_every_code_has_a_title_and_a_remedy() -> None:
    kinds = [errors.EngramError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert {kind.code for kind in kinds} <= set(TITLES)
    assert all(remedy_of(kind.code) for kind in kinds)


async def refusal(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Return what a call is refused with."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result
    found: dict[str, Any] = result.structured_content
    (text,) = result.content
    assert msgspec.json.decode(getattr(text, "text", "")) == found
    return found


@pytest.mark.anyio
async def test_a_wrong_call_is_told_every_violation(fronts: Fronts) -> None:
    """With the code and the remedy that the other fronts give."""
    async with Client(fronts.tools_url) as client:
        found = await refusal(client, "recall", limit=0, tags_any="x", unheard_of=1)
        assert found["code"] == "INVALID_REQUEST"
        assert len(found["violations"]) == 3
        assert found["remedy"] == "change the request; the same one fails again"
        many = await refusal(client, "remember", memories=[{"content": "x"}], content="y")
        assert "beside memories there is content" in many["detail"]
        invalid = await refusal(client, "stats", space="A/..")
        assert invalid["code"] == "INVALID_REQUEST"
        nowhere = await refusal(client, "recall", query="x", space="nowhere")
        assert nowhere["code"] == "NOT_FOUND"
        assert nowhere["facts"] == {"space": "nowhere"}
        unchanged = await refusal(client, "correct", memory_id=NAMES)
        assert "at least one field" in unchanged["detail"]


@pytest.mark.anyio
async def test_what_is_not_there_is_an_error_of_the_protocol(fronts: Fronts) -> None:
    async with Client(fronts.tools_url) as client:
        with pytest.raises(MCPError, match="there is no tool 'dream'"):
            await client.call_tool("dream", {})
        with pytest.raises(MCPError, match="there is no resource") as met:
            await client.read_resource("engram://a/b/c")
        assert met.value.error.data["code"] == "INVALID_REQUEST"
        missing = "engram://default/memories/00000000-0000-7000-8000-000000000000"
        with pytest.raises(MCPError) as met:
            await client.read_resource(missing)
        assert met.value.error.data["code"] == "NOT_FOUND"


@pytest.mark.anyio
async def test_spaces_and_memories_are_resources(fronts: Fronts) -> None:
    async with Client(fronts.tools_url) as client:
        done = await client.call_tool("remember", {"content": "blue", "space": "notes"})
        (memory_id,) = done.structured_content["ids"]
        uris = [each.uri for each in (await client.list_resources()).resources]
        assert uris == ["engram://default", "engram://notes"]
        templates = (await client.list_resource_templates()).resource_templates
        assert [each.uri_template for each in templates] == [
            "engram://{space}/memories/{id}",
            "engram://{space}",
        ]
        (space,) = (await client.read_resource("engram://notes")).contents
        assert msgspec.json.decode(getattr(space, "text", ""))["memories"] == 1
        (memory,) = (await client.read_resource(f"engram://notes/memories/{memory_id}")).contents
        assert memory.mime_type == "application/json"
        assert msgspec.json.decode(getattr(memory, "text", ""))["content"] == "blue"


@pytest.mark.anyio
async def test_an_answer_leaves_out_what_says_nothing(fronts: Fronts) -> None:
    """In text and structure alike; what somebody gave as metadata comes back whole."""
    given: dict[str, Any] = {"page": None, "notes": [], "n": 1}
    async with Client(fronts.tools_url) as client:
        await client.call_tool("remember", {"content": "The kettle is blue.", "metadata": given})
        result = await client.call_tool("recall", {"query": "kettle"})
    (text,) = result.content
    assert msgspec.json.decode(getattr(text, "text", "")) == result.structured_content
    (hit,) = result.structured_content["recollections"]
    assert hit["memory"]["content"] == "The kettle is blue."
    assert hit["memory"]["metadata"] == given
    assert not {"expires_at", "tags", "episode"} & set(hit["memory"])
