"""Every operation of the description, asked what its schema allows and what it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.edges.http.served import served

# What is streamed without end, or carries files: both have tests of their own.
ASIDE = r"/api/v1/(stream/.*|backup|restore)"
# Rules between fields, and of what is stored, are beyond a schema.
BEYOND = [positive_data_acceptance]


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """Return a body of lines as it is sent; what is drawn for one is any text, or bytes."""
    return value.encode() if isinstance(value, str) else bytes(getattr(value, "data", value))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of an empty store."""
    with served(tmp_path_factory.mktemp("fuzzed")) as server:
        yield server.url


def operations(url: str) -> dict[str, Any]:
    """Return the operations of the description by their ids."""
    schema = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    every: list[Any] = list(schema.exclude(path_regex=ASIDE).get_all_operations())
    found = [each.ok() for each in every]
    return {each.definition.raw["operationId"]: each for each in found}


def ask(operation: Any, count: int, seed: int, **fixed: dict[str, str]) -> Counter[int]:
    """Ask an operation; return how often each status came. Some parameters may be fixed."""
    statuses: Counter[int] = Counter()
    none = list(HealthCheck)

    @seeded(seed)
    @given(case=operation.as_strategy())
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=none,
              phases=[Phase.generate])  # fmt: skip
    def asked(case: Any) -> None:
        # A deadline of a millisecond is an error of the server by its status.
        headers = {**(case.headers or {})}
        headers.pop("X-Request-Timeout-Ms", None)
        case.headers = headers | fixed.get("headers", {})
        case.path_parameters = {**(case.path_parameters or {}), **fixed.get("path", {})}
        answer = case.call()
        case.validate_response(answer, excluded_checks=BEYOND)
        statuses[answer.status_code] += 1

    asked()
    return statuses


def check_all(url: str, count: int, seed: int) -> None:
    """Ask every operation."""
    found = operations(url)
    assert len(found) > 40
    statuses = sum((ask(each, count, seed) for each in found.values()), Counter[int]())
    assert statuses[200] > 0
    assert statuses[400] > 0
    assert max(statuses) < 500


def links_of(operation: Any) -> list[str]:
    """Return the ids of the operations that the answer of one leads to."""
    answers = operation.definition.raw["responses"].values()
    return sorted({name for each in answers for name in each.get("links", ())})


def check_links(url: str, count: int, seed: int) -> None:
    """Make something, then ask all that the answer leads to about it."""
    found = operations(url)
    with httpx2.Client(base_url=url) as client:
        for target in links_of(found["post_memories"]):
            space = {"X-Memory-Space": f"links-{seed}"}  # others may hold vectors by now
            body = {"content": target}
            done = client.post("/api/v1/memories", json=body, headers=space).json()
            statuses = ask(found[target], count, seed, path={"id": done["id"]}, headers=space)
            assert max(statuses) < 500
        for target in links_of(found["post_spaces"]):
            name = target.replace("_", "-")
            assert client.post("/api/v1/spaces", json={"id": name}).json()["id"] == name
            statuses = ask(found[target], count, seed, path={"space": name})
            assert statuses[200] > 0
            client.delete(f"/api/v1/spaces/{name}")


def test_no_answer_is_an_error_of_the_server_or_is_not_described(url: str) -> None:
    """Status, type and shape of each are those of the description; what breaks it is refused."""
    check_all(url, 12, 7)


def test_what_was_made_can_be_asked_in_every_way_it_leads_to(url: str) -> None:
    """The links of the description are followed."""
    check_links(url, 4, 7)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(4))
def test_much_more_of_the_same_is_answered_as_described(url: str, seed: int) -> None:
    """With other seeds."""
    check_all(url, 200, seed)
    check_links(url, 200, seed)
