"""The endpoints about the server itself: whether it lives, is ready, and how its spaces stand."""

from __future__ import annotations

from typing import Final

import msgspec

from engram.edges.http.calls import Call, Endpoint, Raw
from engram.edges.http.problems import Refused
from engram.edges.http.reported import AliveValue, HealthValue, IntrospectValue, ReadyValue
from engram.model.errors import SpaceNotFound
from engram.service.access import Role
from engram.service.metrics import MEDIA_TYPE, bounded, text_of


async def alive(call: Call) -> AliveValue:  # noqa: ARG001 - handlers are called alike
    """Say that the process answers."""
    return AliveValue()


async def ready(call: Call) -> ReadyValue | Raw:
    """Say whether every space can be used; 503 while one is being recovered."""
    spaces = (await call.db.health()).spaces
    recovering = sum(each.phase == "recovering" for each in spaces)
    unavailable = sum(each.phase == "unavailable" for each in spaces)
    is_ready = call.is_ready() and not recovering
    # Anybody may ask this, but what a tenant is called is not for everybody.
    value = ReadyValue(is_ready, recovering, unavailable)
    return value if value.ready else Raw(msgspec.json.encode(value), status=503)


async def health(call: Call) -> HealthValue:
    """Say how the spaces stand, or the one that is named."""
    found = await call.db.health()
    spaces = tuple(each for each in found.spaces if call.is_about(each.space))
    if call.is_named and not spaces:
        raise SpaceNotFound(call.space_id)
    resident = {**found.resident_bytes._asdict(), "total": found.resident_bytes.total}
    return HealthValue(spaces, resident, found.memory_budget)


async def introspect(call: Call) -> IntrospectValue:
    """Say what the server is made of, and all that it measures, of every space."""
    db = call.db
    if call.principal.spaces is not None:
        raise Refused(403, "FORBIDDEN", "this tells of every memory space; you may ask some only")
    return IntrospectValue(
        version=call.version,
        kernels=db.kernels.name,
        isa=db.kernels.isa,
        embedder=None if db.embedder is None else db.embedder.identity,
        spaces=len((await db.health()).spaces),
        metrics=db.metrics() | dict(call.own_metrics()),
    )


async def metrics(call: Call) -> Raw:
    """Say all that is measured, of every space, as Prometheus reads it."""
    if call.principal.spaces is not None:
        raise Refused(403, "FORBIDDEN", "this tells of every memory space; you may ask some only")
    measured = bounded(call.db.metrics())
    return Raw(text_of((*measured.items(), *call.own_metrics())), MEDIA_TYPE)


ENDPOINTS: Final = (
    Endpoint(
        "GET",
        "/metrics",
        "Say all that is measured, as Prometheus reads it.",
        metrics,
        str,
        is_about_store=True,
    ),
    Endpoint(
        "GET",
        "/health",
        "Say that the process answers.",
        alive,
        AliveValue,
        is_public=True,
        is_brief=True,
    ),
    Endpoint(
        "GET",
        "/health/ready",
        "Say whether every space can be used; 503 while one is being recovered.",
        ready,
        ReadyValue,
        is_public=True,
        is_brief=True,
    ),
    Endpoint(
        "GET",
        "/api/v1/system/health",
        "Say how the memory spaces stand, as measured now.",
        health,
        HealthValue,
        is_about_store=True,
    ),
    Endpoint(
        "GET",
        "/api/v1/system/introspect",
        "Say what the server is made of, and every number it measures.",
        introspect,
        IntrospectValue,
        needs=Role.ADMIN,
        is_about_store=True,
    ),
)
