"""A client tries again where that does nothing twice, and says what became of it otherwise."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

import engram
from engram.edges.client.limits import ATTEMPTS_MAX, FIRST_PAUSE_SECONDS
from engram.edges.client.line import Asked
from engram.edges.client.retrying import Failure, pauses, seconds_of
from engram.model.errors import (
    Closed,
    DurabilityError,
    EngramError,
    NoAnswerInTime,
    Overloaded,
    ServerUnreachable,
    Unavailable,
)
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.scripted_server import LOST, SILENCE, answer, problem, scripted

pytestmark = pytest.mark.anyio
ID = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"
REMEMBERED = answer(201, f'{{"id": "{ID}", "lsn": 1, "created": true}}')
ASSOCIATED = answer(201, '{"created": 1, "changed": 0, "lsn": 1}')
STATS = answer(200, '{"spaces": []}')
BUSY = problem(503, "OVERLOADED")
Verb = Callable[[Any], Awaitable[Any]]


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of clients, none of which takes any time."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)
        await anyio.lowlevel.checkpoint()

    line = importlib.import_module("engram.edges.client.line")
    monkeypatch.setattr(line, "sleep", sleep)
    return found


async def remember(db: Any) -> Any:
    return await (await db.space()).remember("x")


async def associate(db: Any) -> Any:
    return await (await db.space()).associate(ID, ID)


async def spaces(db: Any) -> Any:
    return await db.spaces()


async def consolidating(db: Any) -> Any:
    return await (await db.space()).query("consolidate where x")


async def recalling(db: Any) -> Any:
    return await (await db.space()).query("RECALL 'x'")


async def test_a_write_is_sent_again_with_the_key_it_had(rests: list[float]) -> None:
    """So the server knows it, if it did it; each call has a key of its own."""
    async with (
        scripted(LOST, BUSY, LOST, REMEMBERED) as script,
        engram.connect(script.url) as db,
    ):
        assert (await remember(db)).id == ID
        await remember(db)
    *tries, other = [each.headers["idempotency-key"] for each in script.sent]
    assert len(tries) == 4
    assert len(set(tries)) == 1
    assert other != tries[0]
    assert len(rests) == 3
    assert {each.line for each in script.sent} == {"POST /api/v1/memories"}


@pytest.mark.parametrize("verb", [associate, consolidating])
async def test_what_has_no_key_is_not_sent_twice(verb: Verb, rests: list[float]) -> None:
    """Nobody knows whether it was done, and doing it again would be something else."""
    async with scripted(LOST, ASSOCIATED) as script, engram.connect(script.url) as db:
        with pytest.raises(ServerUnreachable, match="may have been done") as met:
            await verb(db)
    assert len(script.sent) == 1
    assert (rests, met.value.code) == ([], "UNAVAILABLE")


async def test_what_was_refused_before_it_began_may_come_again(rests: list[float]) -> None:
    """Whether it has a key or not."""
    limited = problem(429, "RATE_LIMITED", "retry-after: 3")
    async with scripted(BUSY, limited, ASSOCIATED) as script, engram.connect(script.url) as db:
        assert (await associate(db)).created == 1
    assert len(script.sent) == 3
    assert rests[1] == 3.0
    assert 0.05 <= rests[0] <= 0.1


@pytest.mark.parametrize("verb", [spaces, recalling])
async def test_a_read_is_sent_again(verb: Verb, rests: list[float]) -> None:
    """Whatever became of the first."""
    gateway = answer(502, "<html>", kind="text/html")
    async with (
        scripted(LOST, gateway, problem(503, "UNAVAILABLE"), problem(500, "DATA_LOSS")) as script,
        engram.connect(script.url) as db,
    ):
        with pytest.raises(DurabilityError, match="it says DATA_LOSS") as met:
            await verb(db)
    assert met.value.request_id == "r-1"
    assert len(script.sent) == 4
    assert len(rests) == 3


async def test_attempts_come_to_an_end(rests: list[float]) -> None:
    """With what was said last."""
    async with scripted(BUSY) as script, engram.connect(script.url) as db:
        with pytest.raises(Overloaded, match="it says OVERLOADED"):
            await spaces(db)
    assert len(script.sent) == ATTEMPTS_MAX
    assert len(rests) == ATTEMPTS_MAX - 1


async def test_a_rest_that_is_too_long_is_not_taken(rests: list[float]) -> None:
    """Its caller hears of the refusal at once."""
    later = problem(429, "RATE_LIMITED", "retry-after: 100")
    async with scripted(later) as script, engram.connect(script.url, timeout=30) as db:
        with pytest.raises(engram.errors.RateLimited):
            await spaces(db)
    assert (len(script.sent), rests) == (1, [])


async def test_who_is_not_answered_is_told_how_to_learn_more() -> None:
    """The timeout is named, and the key with which the write may be repeated."""
    async with scripted(SILENCE) as script, engram.connect(script.url, timeout=0.05) as db:
        with pytest.raises(NoAnswerInTime, match=r"timeout of 0\.05 s; it may have") as met:
            await remember(db)
        with pytest.raises(NoAnswerInTime, match=r"GET .*/spaces .*timeout=\.\.\."):
            await spaces(db)
        with pytest.raises(NoAnswerInTime, match="look before asking again"):
            await associate(db)
    assert met.value.timeout_s == 0.05
    assert f"request_key={script.sent[0].headers['idempotency-key']!r}" in str(met.value)
    assert 1 <= int(script.sent[0].headers["x-request-timeout-ms"]) <= 50


async def test_no_limit_is_no_limit() -> None:
    """Neither here nor at the server; a deadline of a recall goes to the server all the same."""
    async with scripted(STATS) as script, engram.connect(script.url, timeout=None) as db:
        await spaces(db)
        with pytest.raises(ServerUnreachable, match="cannot be read"):
            await (await db.space()).recall("x", deadline_ms=12.5)
    assert "x-request-timeout-ms" not in script.sent[0].headers
    assert script.sent[1].headers["x-request-timeout-ms"] == "13"


async def test_where_no_server_is_one_can_be_started(rests: list[float]) -> None:
    """What does not reach a server is tried again, whatever it is."""
    async with scripted(STATS) as script:
        url = script.url
    async with engram.connect(url) as db:
        with pytest.raises(ServerUnreachable, match="start one there with `engram start`") as met:
            await associate(db)
    assert isinstance(met.value, Unavailable)
    assert (met.value.url, len(rests)) == (url, ATTEMPTS_MAX - 1)


@pytest.mark.parametrize(
    "other", [answer(200, "<html>", kind="text/html"), answer(404, "no"), answer(301, "")]
)
async def test_what_is_no_engram_server_is_said_to_be_none(other: bytes) -> None:
    """And asked once."""
    async with scripted(other) as script, engram.connect(script.url) as db:
        with pytest.raises(ServerUnreachable, match="check the address"):
            await associate(db)
    assert len(script.sent) == 1


async def test_a_client_that_was_left_is_closed() -> None:
    async with scripted(STATS) as script:
        async with engram.connect(script.url) as db:
            await spaces(db)
        with pytest.raises(Closed, match="client of http"):
            await spaces(db)


async def test_only_the_server_sees_the_key() -> None:
    """It is in no text about the client."""
    async with scripted(STATS) as script, engram.connect(script.url, api_key="engram_x") as db:
        await spaces(db)
        assert "engram_x" not in repr(db) + repr(vars(db)) + repr(await db.space())
    assert script.sent[0].headers["authorization"] == "Bearer engram_x"


@pytest.mark.parametrize(
    ("url", "arguments", "said"),
    [
        ("localhost:7432", {}, "one is http"),
        ("ftp://a", {}, "one is http"),
        ("http://", {}, "one is http"),
        ("http://me:secret@a", {}, "a key goes into api_key"),
        ("http://a?x=1", {}, "behind its path"),
        ("http://a", {"api_key": "a\nb"}, "printable"),
        ("http://a", {"api_key": ""}, "printable"),
        ("http://a", {"timeout": 0}, "above 0"),
        ("http://a", {"timeout": float("nan")}, "above 0"),
        (3, {}, "cannot be read"),
    ],
)
async def test_an_address_that_is_none_is_refused(
    url: Any, arguments: dict[str, Any], said: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(engram.errors.InvalidRequest, match=said) as met:
        async with engram.connect(url, **arguments):
            pass
    assert "secret" not in str(met.value)


def test_pauses_double_and_are_never_quite_alike() -> None:
    """Clients that were refused together do not come back together."""
    found = [list(pauses(SeededEntropy(seed))) for seed in range(20)]
    for at, several in enumerate(zip(*found, strict=True)):
        longest = FIRST_PAUSE_SECONDS * 2**at
        assert all(longest / 2 <= each <= longest for each in several)
        assert len(set(several)) > 10


def test_a_rest_is_told_in_seconds_or_by_date() -> None:
    """What cannot be read asks for none, and a date that is over neither."""
    clock = FakeClock(tick_ns=0)
    now = datetime.fromtimestamp(clock.now() / 1e9, UTC)
    later = now.replace(microsecond=0, minute=now.minute + 2)
    date = later.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert seconds_of(date, clock) == (later - now).total_seconds()
    assert seconds_of("12", clock) == 12
    said = ("Wed, 21 Oct 2015 07:28:00 GMT", "soon", "", "-1", None)
    assert [seconds_of(each, clock) for each in said] == [0.0] * 5


def test_nothing_is_repeated_that_is_not_safe() -> None:
    """The whole table: what may have been done, and what may come twice."""
    asked = {
        "read": Asked("GET", "/x"),
        "keyed": Asked("POST", "/x", key="k"),
        "safe": Asked("POST", "/x", is_safe=True),
        "once": Asked("POST", "/x"),
    }
    errors: dict[str, EngramError] = {
        "lost": ServerUnreachable("u", "r", "x"),
        "busy": Overloaded("x", 1),
        "late": NoAnswerInTime("x", 1, ""),
        "disk": DurabilityError(),
    }
    repeated = {
        (name, said)
        for name, each in asked.items()
        for said, error in errors.items()
        if Failure(error).may_be_repeated(is_safe=each.may_come_twice)
    }
    busy = {(name, "busy") for name in asked}
    assert repeated == busy | {(name, "lost") for name in ("read", "keyed", "safe")}
