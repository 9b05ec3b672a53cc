"""What a server measures, as Prometheus reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engram.edges.http.guard import Guard
from engram.service import durations, metrics
from engram.service.access import Access, Principal, Role
from engram.service.metrics import METRICS, bounded, text_of

if TYPE_CHECKING:
    from tests.edges.http.conftest import Caller

pytestmark = pytest.mark.anyio


async def test_every_number_is_read_by_prometheus_under_its_name(http: Caller) -> None:
    """Each name is declared with type and words, and the store's own numbers are all there."""
    await http.remembered("the kettle is blue", memory_space="notes")
    answer = await http("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {each.name: each for each in text_string_to_metric_families(answer.text)}
    assert all(each.documentation and each.type != "unknown" for each in families.values())
    told = {
        sample.name: sample.value
        for each in families.values()
        for sample in each.samples
        if sample.labels.get("memory_space") in {"notes", None}
    }
    assert told["engram_memories"] == 1
    assert told["engram_rate_limited_total"] == 0
    assert {name.partition("{")[0] for name in http.db.metrics()} <= set(told)
    assert told["engram_requests_under_way"] == 1
    assert "engram_arena_high_water_bytes" in told


async def test_operations_are_timed_by_space_and_verb(http: Caller) -> None:
    """A space that is not there gets no label, so that nobody can make up thousands."""
    await http.remembered("the kettle is blue", memory_space="notes")
    for number in range(5):
        await http("GET", f"/api/v1/memories/recall?query=x&space=made-up-{number}")
    found = text_string_to_metric_families((await http("GET", "/metrics")).text)
    (durations,) = (each for each in found if each.type == "histogram")
    counts = {
        (sample.labels["memory_space"], sample.labels["operation"]): sample.value
        for sample in durations.samples
        if sample.name.endswith("_count")
    }
    assert counts == {("notes", "remember"): 1, ("", "recall"): 5}


def test_a_histogram_counts_what_is_at_most_its_bound() -> None:
    """Buckets add up to the count; the sum is that of what was added."""
    counted = durations.Durations()
    for seconds in (0.0005, 0.0006, 60.0):
        counted.add("a", "recall", seconds)
    told = dict(counted.samples())
    labels = 'memory_space="a",operation="recall"'
    name = "engram_memory_operation_duration_seconds"
    assert told[f'{name}_bucket{{{labels},le="0.0005"}}'] == 1
    assert told[f'{name}_bucket{{{labels},le="0.001"}}'] == 2
    assert told[f'{name}_bucket{{{labels},le="10.0"}}'] == 2
    assert told[f'{name}_bucket{{{labels},le="+Inf"}}'] == told[f"{name}_count{{{labels}}}"] == 3
    assert told[f"{name}_sum{{{labels}}}"] == pytest.approx(60.0011)


def test_spaces_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond are counted together, and it is told how many were left out."""
    for module in (metrics, durations):
        monkeypatch.setattr(module, "SPACES_LABELLED_MAX", 2)
    found = durations.Durations()
    for space in ("a", "b", "c", "d", "a"):
        found.add(space, "get", 0.1)
    counts = {name: value for name, value in found.samples() if "_count" in name}
    assert list(counts.values()) == [2, 2, 1]  # the others, a, b
    gauges = bounded({f'engram_memories{{memory_space="{space}"}}': 1 for space in "cba"})
    assert gauges == {
        'engram_memories{memory_space="b"}': 1,
        'engram_memories{memory_space="a"}': 1,
        "engram_spaces_left_out": 1,
    }


def test_no_metric_goes_undeclared() -> None:
    """A number that nobody explains is not told."""
    with pytest.raises(KeyError):
        text_of([("engram_mystery", 1.0)])
    assert all(
        each.kind in {"gauge", "counter", "histogram", "summary"} for each in METRICS.values()
    )


async def test_metrics_of_all_spaces_take_a_key_for_all_spaces(http: Caller) -> None:
    """A reader of all of them is enough."""

    class Source:
        def principal_of(self, secret: str) -> Principal | None:
            spaces = None if secret == "all" else frozenset({"a"})  # noqa: S105 - no secret
            return Principal(secret, Role.READER, spaces)

    http.host.guard = Guard(access=Access([Source()]))
    assert (await http("GET", "/metrics", X_API_Key="some")).status_code == 403
    assert (await http("GET", "/metrics", X_API_Key="all")).status_code == 200
