"""The same calls give the same answers and the same refusals in this process and over HTTP."""

from __future__ import annotations

import inspect

import pytest

import engram
from engram.edges.client.space import RemoteSpace
from engram.edges.client.store import RemoteEngram
from engram.edges.http.server import HttpServer
from engram.service.space import Space
from engram.service.store import Engram
from engram.testing.comparing import differences, told
from engram.testing.refusal_scenarios import bad_fields_are_refused
from engram.testing.upkeep_scenarios import UPKEEP
from engram.testing.verb_scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "call",
    [*SCENARIOS, *UPKEEP, bad_fields_are_refused],
    ids=lambda call: call.__name__.lstrip("_"),
)
async def test_a_server_answers_as_the_library_does(
    call: Scenario, server: HttpServer, own: Engram
) -> None:
    """Values, types, order, errors with their codes and facts: all of it is the same."""
    wanted = told(await call(own))
    async with engram.connect(server.url) as remote:
        assert list(differences(told(await call(remote)), wanted)) == []


def signatures(kind: type) -> dict[str, inspect.Signature]:
    """Return the public methods of a class."""
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


# Of the process a store is open in; no server is asked for it.
WITHOUT = {
    "consolidate": {"progress"},
    "query": {"may_ask"},
    "space": {"principal"},
}


@pytest.mark.parametrize(("remote", "own"), [(RemoteSpace, Space), (RemoteEngram, Engram)])
def test_remote_verbs_are_called_like_the_library_s(remote: type, own: type) -> None:
    """No verb is of the client alone, and each takes what its namesake does."""
    known = signatures(own)
    for name, found in signatures(remote).items():
        left_out = WITHOUT.get(name, set())
        kept = [each for each in known[name].parameters.values() if each.name not in left_out]
        assert [(each.name, each.kind, each.default) for each in found.parameters.values()] == [
            (each.name, each.kind, each.default) for each in kept
        ], name


@pytest.mark.parametrize("verb", ["metrics", "kernels", "embedder"])
async def test_a_verb_no_server_has_is_missing(verb: str, server: HttpServer) -> None:
    """It is not there to be called, rather than there and of no use."""
    async with engram.connect(server.url) as db:
        assert not hasattr(db, verb)
        assert not hasattr(await db.space(), verb)


def test_answers_that_differ_are_told_apart() -> None:
    """By place: another value, another type, another length, a field more."""
    wanted = {"a": [1, ("x", {"b": 2.0})]}
    others = [{"a": [1, ("x", {"b": 2.5})]}, {"a": [1, ["x", {"b": 2.0}]]}, {"a": [1]}, {"c": 1}]
    assert [bool(list(differences(each, wanted))) for each in others] == [True] * 4
    assert list(differences(others[0], wanted)) == [".a[1][1].b: 2.5 and not 2.0"]
    assert list(differences(wanted, wanted)) == []
