"""The HTTP application: every endpoint behind its door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from starlette.routing import BaseRoute, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from engram.edges.http import (
    archives,
    associations,
    description,
    exchange,
    insights,
    many,
    memories,
    recalls,
    searches,
    sockets,
    spaces,
    statements,
    streams,
    system,
)
from engram.edges.http.calls import Endpoint
from engram.edges.http.door import Door, Elsewhere, Host
from engram.edges.http.socket_door import SocketDoor

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *recalls.ENDPOINTS,
    *memories.ENDPOINTS,
    *associations.ENDPOINTS,
    *many.ENDPOINTS,
    *insights.ENDPOINTS,
    *statements.ENDPOINTS,
    *searches.ENDPOINTS,
    *spaces.ENDPOINTS,
    *archives.ENDPOINTS,
    *exchange.ENDPOINTS,
    *streams.ENDPOINTS,
    *sockets.ENDPOINTS,
    *system.ENDPOINTS,
)


class _Paths(Router):
    """A router that finds a path without parameters at once, and looks for any other."""

    def __init__(
        self, doors: Mapping[str, ASGIApp], routes: Sequence[BaseRoute], **more: Any
    ) -> None:
        super().__init__(routes, **more)
        self._doors = doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in."""
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        if door is None:
            await super().__call__(scope, receive, send)
        else:
            await door(scope, receive, send)


def make_app(host: Host, endpoints: Iterable[Endpoint] = ENDPOINTS) -> Router:
    """Return the ASGI application of a server; it works on asyncio and on trio."""
    described = (*endpoints, *description.endpoints_about(tuple(endpoints), host.version))
    paths: dict[str, dict[str, Endpoint]] = {}
    for each in described:
        paths.setdefault(each.path, {})[each.method] = each
    # A path without parameters goes before one with: /memories/recall is no memory's id.
    order = sorted(paths, key=lambda path: "{" in path)
    routes = [Route(path, Door(host, path, paths[path])) for path in order]
    speaking = [
        WebSocketRoute(path, SocketDoor(host)) for path in paths if path == sockets.SOCKET.path
    ]

    def is_known(path: str) -> bool:
        return any(route.path_regex.match(path) for route in routes)

    doors = {route.path: route.endpoint for route in routes if "{" not in route.path}
    default = Elsewhere(host, is_known)
    return _Paths(doors, [*routes, *speaking], redirect_slashes=False, default=default)
