"""Who is let in, into which memory spaces, how often, and what is written down of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from engram.adapters.local.audit_file import AuditFile
from engram.adapters.local.tokens import SignedTokens
from engram.admitting import make_access, make_keys
from engram.edges.http.app import ENDPOINTS
from engram.edges.http.door import Door
from engram.edges.http.guard import Guard
from engram.model.errors import InvalidRequest
from engram.service.access import Access, Role
from engram.service.audit import AuditLine
from engram.service.limiting import TokenBuckets
from engram.serving import open_guard
from engram.settings import Settings, load_settings
from engram.testing.clock import FakeClock
from tests.edges.kept_lines import Lines

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio
ROOT = "/api/v1/memories"
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of these tests alone
NOBODY = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"


class Guarded:
    """The application with access on: a key for each role in the spaces `a` and `b`."""

    def __init__(self, http: Caller, path: Path) -> None:
        self.http, self.clock, self.audit = http, FakeClock(), Lines()
        settings = Settings(data_root=str(path), jwt_secret=SECRET, access=True)
        self.keys = make_keys(settings)
        self.secrets = {
            role: self.keys.create(f"the {role}", role, ["a", "b"])[0]
            for role in ("reader", "agent", "admin")
        }
        self.secrets["root"] = self.keys.create("root", "admin", ["*"])[0]
        self.limiter: TokenBuckets | None = None
        self._access = make_access(settings)
        self.rebuild()

    def rebuild(self) -> None:
        """Let the guard that requests meet be one of the parts as they are now."""
        self.http.host.guard = Guard(self.clock, self._access, self.limiter, self.audit)

    async def __call__(
        self, who: str, method: str, path: str, body: Any = None, **headers: str
    ) -> Any:
        """Send one request as somebody."""
        secret = self.secrets.get(who, who)
        return await self.http(method, path, body, Authorization=f"Bearer {secret}", **headers)


@pytest.fixture
async def guarded(http: Caller, tmp_path: Path) -> Guarded:
    """The application with access on, and the space `a` with one memory."""
    await http.remembered("the kettle is blue", memory_space="a")
    return Guarded(http, tmp_path / "store")


def token(algorithm: str = "HS256", secret: str = SECRET, **claims: Any) -> str:
    """Return a token of somebody who may read `a`, for an hour."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    told = {"sub": "ada", "role": "reader", "spaces": ["a"], "exp": soon} | claims
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, secret, algorithm=algorithm)


async def test_every_endpoint_is_closed_unless_it_is_meant_for_everybody(guarded: Guarded) -> None:
    """Without a key each of them says 401, whatever else is wrong; four are for everybody."""
    open_to_all = set()
    for route in guarded.http.routes:
        door = route.app
        assert isinstance(door, Door)
        for method in door.endpoints:
            path = route.path.format(id=NOBODY, space="a")
            answer = await guarded.http(method, path)
            if answer.status_code == 401:
                assert answer.headers["www-authenticate"].startswith("Bearer")
            else:
                open_to_all.add(route.path)
    assert open_to_all == {"/health", "/health/ready", "/docs", "/api/v1/openapi.json"}


async def test_no_endpoint_opens_a_space_that_a_key_is_not_bound_to(guarded: Guarded) -> None:
    """403 for header, query, body, path and default, whether the space is there or not."""
    await guarded.http.db.create_space("other")
    for each in ENDPOINTS:
        if each.is_public:
            continue
        for space in ("other", "nowhere"):
            path = each.path.format(id=NOBODY, space=space)
            named = {} if each.target == "path" else {"X_Memory_Space": space}
            body: Any = None if each.body is None else {}
            if each.target == "body":
                named, body = {}, {"id": space}
            answer = await guarded("admin", each.method, path, body, **named)
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), each.path
    for path, body in (
        (f"{ROOT}/recall?query=x&space=other", None),
        (f"{ROOT}/recall?query=x", None),
        (f"{ROOT}/recall", {"query": "x", "memory_space": "other"}),
        (f"{ROOT}/recall", {"query": "x", "memory_space_id": "nowhere"}),
        ("/api/v1/query", {"statement": "RECALL 'x' IN SPACE other", "memory_space": "a"}),
    ):
        answer = await guarded("admin", "GET" if body is None else "POST", path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), path


async def test_each_role_may_what_it_may(guarded: Guarded) -> None:
    """A reader reads, an agent writes, an admin tends spaces; the rest is 403."""
    ranks = {"reader": Role.READER, "agent": Role.AGENT, "admin": Role.ADMIN}
    assert {each.needs for each in ENDPOINTS} == set(Role)
    for each in ENDPOINTS:
        if each.is_public:
            continue
        for who, role in ranks.items():
            if role >= each.needs:
                continue
            path = each.path.format(id=NOBODY, space="a")
            answer = await guarded(who, each.method, path, X_Memory_Space="a")
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), each.path
    read = await guarded("reader", "GET", f"{ROOT}/recall?query=kettle&space=a")
    assert len(read.json()["recollections"]) == 1
    made = await guarded("agent", "POST", ROOT, {"content": "x", "memory_space": "b"})
    assert made.status_code == 201
    assert (await guarded("admin", "DELETE", "/api/v1/spaces/b")).status_code == 200
    assert (await guarded("admin", "GET", "/api/v1/system/introspect")).status_code == 403
    assert (await guarded("root", "GET", "/api/v1/system/introspect")).status_code == 200


def test_what_changes_something_takes_more_than_a_reader() -> None:
    """No endpoint that writes is open to who may only read."""
    assert [each.path for each in ENDPOINTS if each.writes and each.needs == Role.READER] == []


async def test_lists_tell_of_no_space_that_is_not_ones_own(guarded: Guarded) -> None:
    """Spaces, health and SHOW SPACES leave the others out; readiness names none."""
    spaces = (await guarded("reader", "GET", "/api/v1/spaces")).json()["spaces"]
    health = (await guarded("reader", "GET", "/api/v1/system/health")).json()["spaces"]
    assert [each["id"] for each in spaces] == [each["space"] for each in health] == ["a"]
    body = {"statement": "SHOW SPACES", "memory_space": "a"}
    rows = (await guarded("agent", "POST", "/api/v1/query", body)).json()["rows"]
    assert "default" not in json.dumps(rows)
    everybody = (await guarded.http("GET", "/health/ready")).json()
    assert set(everybody) == {"ready", "recovering", "unavailable"}
    assert len((await guarded("root", "GET", "/api/v1/spaces")).json()["spaces"]) == 2


@pytest.mark.parametrize("header", ["Authorization", "X_API_Key"])
async def test_a_key_is_shown_in_either_header(guarded: Guarded, header: str) -> None:
    """As a bearer token, or on its own."""
    secret = guarded.secrets["reader"]
    shown = f"bearer {secret}" if header == "Authorization" else secret
    answer = await guarded.http("GET", f"{ROOT}?space=a", **{header: shown})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "secret",
    ["", "engram_", "engram_" + "A" * 43, "é", "x" * 5_000, "a.b.c", "..", "Bearer Bearer"],
)
async def test_what_is_no_key_opens_nothing(guarded: Guarded, secret: str) -> None:
    """401, and the secret stands neither in the answer nor in the audit."""
    sent = [("Authorization", f"Bearer {secret}".encode())]
    answer = await guarded.http.client.get(f"{ROOT}?space=a", headers=sent)  # type: ignore[arg-type]
    assert answer.status_code == 401
    if len(secret) > 20:
        assert secret not in answer.text + str(guarded.audit.lines)


async def test_a_revoked_key_is_refused_from_the_next_request_on(guarded: Guarded) -> None:
    """Also when it was accepted a moment before, and by a process that did not revoke it."""
    assert (await guarded("reader", "GET", f"{ROOT}?space=a")).status_code == 200
    (reader,) = (each for each in guarded.keys.listed() if each.role == "reader")
    guarded.keys.revoke(reader.id)
    assert (await guarded("reader", "GET", f"{ROOT}?space=a")).status_code == 401
    assert (await guarded("agent", "GET", f"{ROOT}?space=a")).status_code == 200


async def test_a_token_opens_what_it_names_until_it_expires(guarded: Guarded) -> None:
    """Role and spaces are its claims; a key's rules hold for it, too."""
    assert (await guarded(token(), "GET", f"{ROOT}?space=a")).status_code == 200
    assert (await guarded(token(), "GET", f"{ROOT}?space=b")).status_code == 403
    assert (await guarded(token(), "POST", ROOT, {"memory_space": "a"})).status_code == 403


@pytest.mark.parametrize(
    "shown",
    [
        token("none", ""),
        token(secret=SECRET[::-1]),
        token("HS512", secret=SECRET * 2),
        token(exp=datetime(2020, 1, 1, tzinfo=UTC)),
        token(exp=None),
        token(role=None),
        token(role="king"),
        token(spaces=None),
        token(spaces="a"),
        token(spaces=[]),
        token(spaces=["../etc"]),
        token(sub=None),
        token() + "x",
    ],
)
def test_a_token_that_is_not_wholly_right_is_none(shown: str) -> None:
    """No algorithm but HS256, no other secret, no missing, foreign or expired claim."""
    assert SignedTokens(SECRET).principal_of(shown) is None
    assert SignedTokens(SECRET).principal_of(token()) is not None


async def test_two_who_use_the_same_key_of_a_request_do_not_meet(guarded: Guarded) -> None:
    """A key makes a request safe to repeat for who sent it."""
    body = {"content": "one", "memory_space": "a"}
    mine = await guarded("agent", "POST", ROOT, body, Idempotency_Key="k")
    other = {"content": "two", "memory_space": "a"}
    theirs = await guarded("admin", "POST", ROOT, other, Idempotency_Key="k")
    assert (mine.status_code, theirs.status_code) == (201, 201)
    again = await guarded("agent", "POST", ROOT, other, Idempotency_Key="k")
    assert again.status_code == 409


async def test_a_space_is_asked_no_more_often_than_it_may(guarded: Guarded) -> None:
    """A burst, then 429 with when to come again; other spaces notice nothing."""
    guarded.limiter = TokenBuckets(2.0, 3)
    guarded.rebuild()
    seen = [await guarded("reader", "GET", f"{ROOT}?space=a") for _ in range(4)]
    assert [each.status_code for each in seen] == [200, 200, 200, 429]
    assert [each.headers["x-ratelimit-remaining"] for each in seen] == ["2", "1", "0", "0"]
    assert seen[0].headers["x-ratelimit-limit"] == "3"
    last = seen[-1]
    assert (last.json()["code"], last.headers["retry-after"]) == ("RATE_LIMITED", "1")
    assert guarded.http.host.guard.refused_count == 1
    assert (await guarded("agent", "POST", ROOT, {"content": "x"}, X_Memory_Space="b")).is_success
    guarded.clock.advance(10**9)
    assert (await guarded("reader", "GET", f"{ROOT}?space=a")).status_code == 200
    assert (await guarded.http("GET", "/health")).status_code == 200


async def test_who_may_not_ask_a_space_takes_nothing_of_its_rate(guarded: Guarded) -> None:
    """Strangers cannot keep a tenant from being served."""
    guarded.limiter = TokenBuckets(1.0, 1)
    guarded.rebuild()
    for _ in range(3):
        assert (await guarded.http("GET", f"{ROOT}?space=a")).status_code == 401
        assert (await guarded(token(spaces=["b"]), "GET", f"{ROOT}?space=a")).status_code == 403
    assert (await guarded("reader", "GET", f"{ROOT}?space=a")).status_code == 200


async def test_the_audit_says_who_did_what_where_and_what_came_of_it(guarded: Guarded) -> None:
    """Refused requests included; nothing of what they carried."""
    body = {"content": "my secret diary", "memory_space": "a"}
    made = await guarded("agent", "POST", ROOT, body, X_Request_Id="r-7")
    await guarded("reader", "POST", ROOT, body)
    await guarded.http("GET", f"{ROOT}/{NOBODY}")
    done, refused, unknown = guarded.audit.lines
    assert (done.space, done.action, done.resource) == ("a", f"POST {ROOT}", ROOT)
    assert (done.status, done.request_id, made.status_code) == (201, "r-7", 201)
    assert (done.principal or "").startswith("the agent#")
    assert (refused.status, (refused.principal or "")[:10]) == (403, "the reader")
    assert (unknown.status, unknown.principal, unknown.resource) == (401, None, f"{ROOT}/{NOBODY}")
    assert "diary" not in str(guarded.audit.lines)


async def test_what_cannot_be_written_down_is_not_done(guarded: Guarded) -> None:
    """503 while the audit is full, before anything happened."""
    guarded.audit.is_full = True
    answer = await guarded("agent", "POST", ROOT, {"content": "y", "memory_space": "a"})
    assert (answer.status_code, answer.json()["code"]) == (503, "OVERLOADED")
    assert (await guarded.http.db.spaces())[0].memories == 1


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:7432", 200),
        ("[::1]:7432", 200),
        ("LOCALHOST:1", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:7432", 403),
        ("", 403),
    ],
)
async def test_without_access_a_local_server_answers_to_its_own_names_alone(
    http: Caller, tmp_path: Path, name: str, status: int
) -> None:
    """A page whose name was made to lead here is refused, also on what is for everybody."""
    async with open_guard(Settings(data_root=str(tmp_path))) as guard:
        http.host.guard = guard
        for path in (f"{ROOT}", "/health"):
            answer = await http.client.get(path, headers={"host": name})
            assert answer.status_code == status


def test_nobody_is_known_where_there_is_no_source() -> None:
    """An empty list of sources lets nobody in."""
    assert Access([]).principal_of("engram_x") is None


@pytest.mark.parametrize(
    "environment",
    [
        {"ENGRAM_JWT_SECRET": "hunter2"},
        {"ENGRAM_RATE_LIMIT": "fast"},
        {"ENGRAM_RATE_LIMIT": "-1"},
        {"ENGRAM_RATE_BURST": "0"},
        {"ENGRAM_ACCESS": "yes"},
    ],
)
def test_settings_of_access_are_checked_and_secrets_not_shown(environment: dict[str, str]) -> None:
    """What is refused names its variable; of a secret, nothing else."""
    with pytest.raises(InvalidRequest, match=min(environment)) as caught:
        load_settings(environment)
    assert "hunter2" not in str(caught.value)


def test_the_audit_is_written_where_access_is_on_unless_it_is_off(tmp_path: Path) -> None:
    """In the store's directory when nothing else is said."""
    root = str(tmp_path)
    assert Settings(data_root=root).audit_path is None
    assert Settings(data_root=root, access=True).audit_path == tmp_path / ".audit.ndjson"
    assert Settings(data_root=root, access=True, audit_log="off").audit_path is None
    assert Settings(audit_log=f"{root}/x").audit_path == tmp_path / "x"


async def test_the_audit_file_is_appended_to(tmp_path: Path) -> None:
    """Each line is a JSON object; what was there stays; only the owner can read it."""
    path = tmp_path / "audit"
    for number in range(2):
        audit = AuditFile(path)
        audit.add(
            AuditLine(datetime(2026, 1, 1, tzinfo=UTC), "a", None, "x", "/", 200, str(number))
        )
        audit.check_room()
        audit.close()
    read = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [each["request_id"] for each in read] == ["0", "1"]
    assert (read[0]["timestamp"], read[0]["space"]) == ("2026-01-01T00:00:00Z", "a")
    assert path.stat().st_mode & 0o077 == 0
