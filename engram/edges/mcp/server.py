"""The server of tools and resources, whatever carries its messages.

Rule 1: whatever the engine raises becomes a refusal with a stable code, in the words of all fronts.
Rule 2: who calls is known, and may do this with this space, before the space is looked up.
Rule 3: a call that is cancelled ends its work; nothing here shields it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import mcp_types as types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from engram.edges.mcp.lent import Lent
from engram.edges.mcp.progress import Progress
from engram.edges.mcp.schemas import answer_of, answer_schema_of, schema_of
from engram.edges.mcp.tools import TOOLS, Tool
from engram.model.decoders import converted
from engram.model.errors import EngramError, InvalidRequest, ServerUnreachable
from engram.model.ids import check_space_id
from engram.service.access import ANYONE, Principal, Role
from engram.service.admission import Admission
from engram.service.wire.answered import memory_value
from engram.service.wire.refusals import Fact, Told, remedy_of, told_of
from engram.service.wire.violations import violations_of

Context = ServerRequestContext[Any, Any]

PRINCIPAL: Final = "engram.principal"
"""Where a request over HTTP says who sent it, in its ASGI scope."""

_LOGGER: Final = logging.getLogger("engram.mcp")
_JSON: Final = "application/json"
_URI: Final = re.compile(r"engram://(?P<space>[^/]+?)/?(?:/memories/(?P<id>[^/]+))?")
_OURS: Final = 500
_DONE: Final = 200
_INSTRUCTIONS: Final = (
    "Engram is a durable memory. Recall before you answer from scratch; remember what should "
    "outlast this conversation, in sentences that are understood without it; correct what has "
    "changed instead of remembering it beside the old. Memories live in spaces, which share "
    "nothing. A refusal carries a code and a remedy that says what to do next."
)


class Refusal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a call is refused with; `code` is stable, `violations` are all that were found."""

    code: str
    detail: str
    remedy: str
    violations: tuple[str, ...] = ()
    error: str | None = None
    facts: dict[str, Fact] | None = None
    retry_after_s: int | None = None


class Call(NamedTuple):
    """One call that is let in or refused."""

    principal: Principal
    request_id: str
    action: str
    resource: str


class ToolServer:
    """Answers the calls of all sessions."""

    def __init__(
        self, lent: Lent, admission: Admission, version: str, space: str, *, is_local: bool = True
    ) -> None:
        """Take the store, who is let in, the version of the program, and the space left out.

        `is_local`: calls come from the process that started this one, and need not show a key.
        """
        self._lent, self._admission, self._space = lent, admission, space
        self._is_local = is_local
        self._tools = types.ListToolsResult(tools=[_described(each) for each in TOOLS.values()])
        self.protocol: Server[Any] = Server(
            "engram",
            version=version,
            title="Engram",
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
        )

    async def _list_tools(
        self, _context: Context, _asked: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return self._tools

    async def _call_tool(
        self, context: Context, asked: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = TOOLS.get(asked.name)
        if tool is None:
            known = ", ".join(TOOLS)
            raise MCPError(
                types.INVALID_PARAMS, f"there is no tool {asked.name!r}; there are {known}"
            )
        progress = Progress(context.session.report_progress)

        async def work(space: Any, arguments: msgspec.Struct) -> msgspec.Struct:
            if context.meta is None or "progress_token" not in context.meta:
                return await tool.carry_out(space, arguments, progress)
            return await progress.during(lambda: tool.carry_out(space, arguments, progress))

        call = self._call(context, f"MCP tools/call {tool.name}", tool.name)
        try:
            arguments = _read(tool, asked.arguments or {})
            value = await self._admitted(
                call, tool.needs, arguments.space, lambda space: work(space, arguments)
            )
        except _Refused as refused:
            return _result(refused.refusal, is_error=True)
        return _result(value)

    def _call(self, context: Context, action: str, resource: str) -> Call:
        request: Any = context.request
        principal = ANYONE if self._is_local else request.scope[PRINCIPAL]
        return Call(principal, str(context.request_id), action, resource)

    async def _admitted(
        self,
        call: Call,
        needs: Role,
        named: str | None,
        work: Callable[[Any], Awaitable[Any]],
    ) -> Any:
        """Carry out work with the space of a call; _Refused in place of whatever is raised."""
        space = self._space if named is None else named
        status = _DONE
        try:
            check_space_id(space)
            self._admission.check(call.principal, needs, space)
            await self._admission.count(space)
            writes = needs is not Role.READER
            return await work(await self._lent.space(space, call.principal.name, writes=writes))
        except Exception as error:
            told = self._told(error, call)
            status = told.status
            raise _Refused(told) from error
        finally:
            self._admission.tell(
                call.principal, space, call.action, call.resource, status, call.request_id
            )

    def _told(self, error: Exception, call: Call) -> Told:
        if isinstance(error, ServerUnreachable):
            # It may have ended; the next call looks for another, or opens the store itself.
            self._lent.end()
        told = told_of(error)
        if told.status == _OURS:
            _LOGGER.error("%s (%s) failed", call.action, call.request_id, exc_info=error)
        return told

    async def _list_resources(
        self, context: Context, _asked: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        call = self._call(context, "MCP resources/list", "spaces")
        try:
            self._admission.check(call.principal, Role.READER, self._space_of(call))
            found = await self._lent.spaces()
        except EngramError as error:
            raise _failure(self._told(error, call)) from error
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=f"engram://{each.id}",
                    name=each.id,
                    title=f"Memory space {each.id}",
                    description="How many memories the space holds and how it stands.",
                    mime_type=_JSON,
                )
                for each in found
                if call.principal.may_ask(each.id)
            ]
        )

    def _space_of(self, call: Call) -> str:
        """Return a space that who calls may ask, for what is about no space in particular."""
        asked = call.principal.spaces
        return self._space if asked is None or self._space in asked else min(asked)

    async def _list_templates(
        self, _context: Context, _asked: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    uri_template="engram://{space}/memories/{id}",
                    name="memory",
                    title="Memory",
                    description="One memory with all its fields, its times and its strength now.",
                    mime_type=_JSON,
                ),
                types.ResourceTemplate(
                    uri_template="engram://{space}",
                    name="space",
                    title="Memory space",
                    description="How many memories a space holds and how it stands.",
                    mime_type=_JSON,
                ),
            ]
        )

    async def _read_resource(
        self, context: Context, asked: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(asked.uri)
        call = self._call(context, "MCP resources/read", uri)
        found = _URI.fullmatch(uri)
        if found is None:
            raise _failure(
                told_of(
                    InvalidRequest(
                        f"there is no resource {uri!r}; there are engram://SPACE and "
                        "engram://SPACE/memories/ID"
                    )
                )
            )

        async def work(space: Any) -> msgspec.Struct:
            if found["id"] is None:
                stats: msgspec.Struct = await space.stats()
                return stats
            return memory_value(await space.get(found["id"]))

        try:
            value = await self._admitted(call, Role.READER, found["space"], work)
        except _Refused as refused:
            raise refused.failure from refused
        text = msgspec.json.encode(value).decode()
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=uri, mime_type=_JSON, text=text)]
        )


class _Refused(Exception):
    """A call that is refused, with what is told of it."""

    def __init__(self, told: Told) -> None:
        self.refusal, self.failure = refusal_of(told), _failure(told)
        super().__init__(told.code)


def refusal_of(told: Told) -> Refusal:
    """Return what is told of an error as a call is refused with."""
    return Refusal(
        told.code,
        told.detail,
        remedy_of(told.code),
        told.violations,
        told.error,
        told.facts,
        told.retry_after_s,
    )


def _failure(told: Told) -> MCPError:
    """Return a refusal as the protocol has it where no tool is called."""
    code = types.INTERNAL_ERROR if told.status >= _OURS else types.INVALID_PARAMS
    return MCPError(code, told.detail, msgspec.to_builtins(refusal_of(told)))


def _read(tool: Tool, arguments: dict[str, Any]) -> Any:
    """Return arguments as the tool takes them; _Refused lists every violation."""
    try:
        return converted(arguments, tool.takes)
    except msgspec.ValidationError as error:
        listed = violations_of(arguments, tool.takes, error, what="what the tool was called with")
        raise _Refused(told_of(InvalidRequest(*listed))) from error


def _result(value: msgspec.Struct, *, is_error: bool = False) -> types.CallToolResult:
    """Return a value as structured content, and as text for hosts that read no other."""
    told = answer_of(value)
    text = msgspec.json.encode(told).decode()
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)],
        structured_content=told,
        is_error=is_error,
    )


def _described(tool: Tool) -> types.Tool:
    is_read = tool.needs is Role.READER
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=schema_of(tool.takes),
        output_schema=answer_schema_of(tool.answers),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=is_read,
            destructive_hint=None if is_read else tool.destroys,
            idempotent_hint=None if is_read else tool.is_idempotent,
            open_world_hint=False,
        ),
    )
