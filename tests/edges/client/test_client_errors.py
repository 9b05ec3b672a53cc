"""Errors cross the network as what they were: class, code, message, facts, violations."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import engram
from engram.adapters.local.clock import SystemClock
from engram.edges.client.refused import BY_CODE, error_of
from engram.edges.http.guard import Guard
from engram.edges.http.problems import Refused, problem_of, said_of
from engram.edges.http.server import HttpServer
from engram.model import errors
from engram.service.access import Access, Principal, Role
from engram.service.limiting import TokenBuckets
from engram.service.wire.refusals import TITLES

if TYPE_CHECKING:
    from tests.edges.client.conftest import Serve

pytestmark = pytest.mark.anyio
KINDS = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, errors.EngramError)
]


class Known:
    """Knows who shows which secret."""

    def principal_of(self, secret: str) -> Principal | None:
        """Return who shows it."""
        found = {"reader": Role.READER, "admin": Role.ADMIN}.get(secret)
        return None if found is None else Principal(secret, found, frozenset(("default",)))


def crossed(error: Exception) -> errors.EngramError:
    """Return an error as a client meets it."""
    said = said_of(error)
    problem = problem_of(said, request_id="r-1", correlation_id="c", space=None)
    return error_of("http://a", said.status, msgspec.json.encode(problem))


def made(kind: type[errors.EngramError]) -> errors.EngramError:
    """Return an error of a kind, with something for each thing it takes."""
    takes = inspect.signature(kind.__init__).parameters.values()
    known = {"int": 3, "float": 2.5, "str": "x y", "str | None": None, "tuple[int, int]": (1, 2)}
    told = [known[str(each.annotation)] for each in takes if str(each.annotation) in known]
    return kind(*told)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_comes_back_as_it_was(kind: type[errors.EngramError]) -> None:
    """Closed alone does not: a server that stops is no client that was left."""
    error = made(kind)
    found = crossed(error)
    assert found.request_id == "r-1"
    assert str(found) == str(error)
    if kind is errors.Closed:
        assert (type(found), found.code) == (errors.Unavailable, "UNAVAILABLE")
        return
    assert (type(found), found.code) == (kind, error.code)
    facts = {name: fact for name, fact in vars(error).items() if not isinstance(fact, tuple)}
    kept = {name: fact for name, fact in vars(found).items() if not isinstance(fact, tuple)}
    assert kept == facts | {"request_id": "r-1"}
    if isinstance(error, errors.InvalidRequest):
        assert isinstance(found, errors.InvalidRequest)
        assert found.violations == (error.violations or (str(error),))


@pytest.mark.parametrize("code", TITLES)
def test_what_a_server_refuses_by_itself_has_a_class(code: str) -> None:
    """The code stays what it was."""
    found = crossed(Refused(400, code, "first", "second"))
    assert (found.code, str(found)) == (code, "first; second")
    assert type(found) is BY_CODE.get(code, errors.RequestError)


def test_a_problem_gives_an_error_no_more_than_facts() -> None:
    """What an error can do is not for a server to say."""
    body = (
        b'{"code": "NOT_FOUND", "detail": "d", "error": "SpaceNotFound", "facts":'
        b' {"space": "a", "args": 1, "code": 2, "with_traceback": 3, "__class__": 4}}'
    )
    found = error_of("http://a", 404, body)
    assert vars(found) == {"space": "a", "request_id": None}
    assert found.args == ("d",)
    for name in ("check", "EngramError", "annotations", "nonsense", ""):
        other = body.replace(b'"SpaceNotFound"', b'"%s"' % name.encode())
        assert type(error_of("http://a", 404, other)) is errors.RequestError


async def test_who_may_not_is_told_so(serve: Serve) -> None:
    """Nobody known, a role that is too small, another's space."""
    with serve(Guard(SystemClock(), Access([Known()]))) as server:
        async with engram.connect(server.url) as db:
            with pytest.raises(errors.Unauthorized, match="neither a key nor a token") as met:
                await db.spaces()
            assert met.value.request_id is not None
        async with engram.connect(server.url, api_key="reader") as db:
            assert [each.id for each in await db.spaces()] == ["default"]
            with pytest.raises(errors.Forbidden, match="takes the role agent"):
                await (await db.space()).remember("x")
            with pytest.raises(errors.SpaceForbidden) as refused:
                await (await db.space("other")).list()
            assert refused.value.space == "other"


async def test_who_asks_too_often_is_told_so(serve: Serve) -> None:
    """The next may come in a quarter of an hour, which no call waits for."""
    with serve(Guard(SystemClock(), None, TokenBuckets(0.001, 1))) as server:
        async with engram.connect(server.url) as db:
            space = await db.space()
            await space.remember("x")
            with pytest.raises(errors.RateLimited, match="more often than it may be"):
                await space.list()


async def test_a_deadline_of_the_server_is_that_of_the_library(server: HttpServer) -> None:
    """A search that was stopped is the same error on both sides of a network."""
    async with engram.connect(server.url) as db:
        space = await db.space()
        await space.remember("x")
        refused: Any = crossed(errors.KernelCancelled())
        assert isinstance(refused, errors.KernelCancelled)
        assert len(await space.recall("x", deadline_ms=60_000)) == 1
