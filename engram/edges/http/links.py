"""What an answer leads to: OpenAPI links from what was made to what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from engram.edges.http.calls import Endpoint
from engram.edges.http.reported import NewSpaceValue
from engram.service.wire.answered import RememberedValue

_MEMORY = {"path.id": "$response.body#/id", "header.X-Memory-Space": "$response.body#/space"}
_SPACE = {"path.space": "$response.body#/id"}


def add_links(
    paths: dict[str, Any], endpoints: Iterable[Endpoint], name_of: Callable[[Endpoint], str]
) -> None:
    """Add to the answers that name a new memory or space what takes its id in the path."""
    listed = tuple(endpoints)
    leads = {
        RememberedValue: ("/api/v1/memories/{id}", _MEMORY),
        NewSpaceValue: ("/api/v1/spaces/{space}", _SPACE),
    }
    for each in listed:
        if each.answer not in leads:
            continue
        start, parameters = leads[each.answer]
        links = {
            name_of(target): {"operationId": name_of(target), "parameters": parameters}
            for target in listed
            if target.path.startswith(start)
        }
        operation = paths[each.path][each.method.lower()]
        operation["responses"][str(each.status)]["links"] = links
