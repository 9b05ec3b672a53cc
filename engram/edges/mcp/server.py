"""The server of tools and resources, whatever carries its messages.

Each call goes through `Calls`, and nothing here shields it: one that is cancelled ends its work.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import mcp_types as types
import msgspec
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types.methods import SPEC_CLIENT_METHODS
from pydantic import ValidationError

from engram.edges.mcp.calls import DONE, Asked, Calls, Refused, Visit
from engram.edges.mcp.lent import Lent
from engram.edges.mcp.progress import Progress
from engram.edges.mcp.schemas import answer_of, answer_schema_of, schema_of
from engram.edges.mcp.tools import TOOLS, Tool, operation_of
from engram.model.decoders import converted
from engram.model.errors import InvalidRequest, ServerUnreachable
from engram.model.memory import SpaceInfo
from engram.service.access import ANYONE, Role
from engram.service.wire.answered import memory_value
from engram.service.wire.refusals import Fact, Told, remedy_of
from engram.service.wire.violations import violations_of

Context = ServerRequestContext[Any, Any]

PRINCIPAL: Final = "engram.principal"
"""Where a request over HTTP says who sent it, in its ASGI scope."""

_JSON: Final = "application/json"
_URI: Final = re.compile(r"engram://(?P<space>[^/]+?)/?(?:/memories/(?P<id>[^/]+))?")
_REFUSED: Final = 400
_OURS: Final = 500
_STATUSES: Final = {types.METHOD_NOT_FOUND: 404, types.INTERNAL_ERROR: _OURS}
"""Of the protocol's own errors; the others are the caller's."""

_HANDLED: Final = frozenset(("tools/call", "resources/list", "resources/read"))
"""Methods whose handlers here tell of each call themselves."""

T = TypeVar("T")
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


class ToolServer:
    """Answers the calls of all sessions."""

    def __init__(
        self, lent: Lent, calls: Calls, version: str, space: str, *, is_local: bool = True
    ) -> None:
        """Take the store, what lets calls in, the version of the program, and the space left out.

        `is_local`: calls come from the process that started this one, and need not show a key.
        """
        self._lent, self._calls, self._space = lent, calls, space
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
        self.protocol.middleware.append(self._told)

    async def _told(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Time and log a request of the protocol itself: it asks nothing of the store."""
        method = ctx.method
        if ctx.request_id is None or method in _HANDLED:
            return await call_next(ctx)
        if method in SPEC_CLIENT_METHODS:
            visit = self._visit(ctx, method, None, method.replace("/", "_"))
        else:  # any text: it becomes no name and no label
            visit = self._visit(ctx, None, None)
        failure: Exception | None = None
        with self._calls.under_way(visit):
            try:
                found = await call_next(ctx)
                visit.status = DONE
            except Exception as error:  # noqa: BLE001 - raised again below, outside the span
                failure, visit.status = error, _status_of(error)
        if failure is not None:
            raise failure
        return found

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
            error = InvalidRequest(f"there is no tool {asked.name!r}; there are {known}")
            unknown = self._visit(context, "tools/call", asked.name)
            return await self._answered(unknown, partial(_raise, error))
        visit = self._visit(context, "tools/call", tool.name, tool.operation, tool.name)
        progress = Progress(context.session.report_progress)

        async def work() -> msgspec.Struct:
            arguments = _read(tool, asked.arguments or {})
            visit.operation = operation_of(tool, arguments)
            space = await self._admitted(visit, tool.needs, arguments.space)
            if context.meta is None or "progress_token" not in context.meta:
                return await tool.carry_out(space, arguments, progress)
            return await progress.during(lambda: tool.carry_out(space, arguments, progress))

        try:
            value = await self._carried_out(visit, work)
        except Refused as refused:
            return _result(refusal_of(refused.told), refused.names, is_error=True)
        return _result(value, visit.names)

    def _visit(
        self,
        context: Context,
        method: str | None,
        resource: str | None,
        operation: str | None = None,
        tool: str | None = None,
    ) -> Visit:
        """Return what is known of a call; a trace is named in its `_meta`, else by its request."""
        principal, said = ANYONE, {}
        if not self._is_local:
            request: Any = context.request
            principal, said = request.scope[PRINCIPAL], said_in(request.scope)
        meta: Mapping[str, Any] = context.meta or {}
        if "traceparent" in meta:
            said |= {name: meta.get(name) for name in ("traceparent", "tracestate")}
        route = " ".join(each for each in ("MCP", method, tool) if each is not None)
        rpc_id = None if context.request_id is None else str(context.request_id)
        asked = Asked(route, resource, operation, method, tool, rpc_id)
        return self._calls.visit(asked, principal, said)

    async def _admitted(self, visit: Visit, needs: Role, named: str | None) -> Any:
        """Let a call in, and return the space it is about; raises why not."""
        space = self._space if named is None else named
        await self._calls.let_in(visit, needs, space)
        writes = needs is not Role.READER
        return await self._lent.space(space, visit.principal.name, writes=writes)

    async def _carried_out(self, visit: Visit, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work of a call; Refused in place of whatever it raises."""

        async def asking() -> T:
            try:
                return await work()
            except ServerUnreachable:
                # It may have ended; the next call looks for another, or opens the store itself.
                self._lent.end()
                raise

        return await self._calls.carried_out(visit, asking)

    async def _answered(self, visit: Visit, work: Callable[[], Awaitable[T]]) -> T:
        """Do the same where no tool is called; MCPError in place of whatever it raises."""
        try:
            return await self._carried_out(visit, work)
        except Refused as refused:
            raise _failure(refused) from refused

    async def _list_resources(
        self, context: Context, _asked: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        visit = self._visit(context, "resources/list", "spaces", "spaces")

        async def work() -> Sequence[SpaceInfo]:
            await self._calls.let_in(visit, Role.READER, None)
            return await self._lent.spaces()

        found = await self._answered(visit, work)
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
                if visit.principal.may_ask(each.id)
            ],
            _meta=dict(visit.names),
        )

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
        found = _URI.fullmatch(uri)
        operation = None if found is None else "stats" if found["id"] is None else "get"
        visit = self._visit(context, "resources/read", uri, operation)

        async def work() -> msgspec.Struct:
            if found is None:
                raise InvalidRequest(
                    f"there is no resource {uri!r}; there are engram://SPACE and "
                    "engram://SPACE/memories/ID"
                )
            space = await self._admitted(visit, Role.READER, found["space"])
            if found["id"] is None:
                stats: msgspec.Struct = await space.stats()
                return stats
            return memory_value(await space.get(found["id"]))

        value = await self._answered(visit, work)
        text = msgspec.json.encode(value).decode()
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=uri, mime_type=_JSON, text=text)],
            _meta=dict(visit.names),
        )


def _status_of(error: Exception) -> int:
    """Return the status of HTTP for an error that the protocol itself answers with."""
    if isinstance(error, MCPError):
        return _STATUSES.get(error.error.code, _REFUSED)
    return _REFUSED if isinstance(error, ValidationError) else _OURS


def said_in(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers of a request by their names; of one that came twice the last."""
    return {name.decode("latin-1"): said.decode("latin-1") for name, said in scope["headers"]}


async def _raise(error: Exception) -> Any:
    raise error


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


def _failure(refused: Refused) -> MCPError:
    """Return a refusal as the protocol has it where no tool is called."""
    told = refused.told
    code = types.INTERNAL_ERROR if told.status >= _OURS else types.INVALID_PARAMS
    return MCPError(code, told.detail, msgspec.to_builtins(refusal_of(told)) | refused.names)


def _read(tool: Tool, arguments: dict[str, Any]) -> Any:
    """Return arguments as the tool takes them; InvalidRequest lists every violation."""
    try:
        return converted(arguments, tool.takes)
    except msgspec.ValidationError as error:
        listed = violations_of(arguments, tool.takes, error, what="what the tool was called with")
        raise InvalidRequest(*listed) from error


def _result(
    value: msgspec.Struct, names: Mapping[str, str], *, is_error: bool = False
) -> types.CallToolResult:
    """Return a value as structured content, and as text for hosts that read no other.

    How the call is called goes beside them: it says nothing to a model.
    """
    told = answer_of(value)
    text = msgspec.json.encode(told).decode()
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)],
        structured_content=told,
        is_error=is_error,
        _meta=dict(names),
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
