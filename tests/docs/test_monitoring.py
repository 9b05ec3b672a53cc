"""The dashboard and the alerts ask for what a server tells, under labels it has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from engram.service.metrics import METRICS

PAGES = Path(__file__).parents[2] / "docs" / "operations"
PARTS = {"histogram": {"_bucket", "_sum", "_count"}, "summary": {"_sum", "_count"}}
PROMTOOL = shutil.which("promtool")
LABELS = {"memory_space", "operation", "phase", "tier", "part", "le", "backend", "isa"}
OF_PROMETHEUS = {"instance", "job"}
USED = re.compile(r"\b(engram_\w+)(?:\{([^}]*)\})?(\[)?")


def dashboard() -> Any:
    """Return the dashboard."""
    return json.loads((PAGES / "grafana_dashboard.json").read_text("utf-8"))


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    (group,) = yaml.safe_load((PAGES / "alerts.yml").read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> list[str]:
    """Return every expression of both."""
    targets = [target for panel in dashboard()["panels"] for target in panel["targets"]]
    return [each["expr"] for each in (*targets, *rules())]


def samples() -> dict[str, str]:
    """Return the kind of each sample that a server tells, by its name."""
    return {
        name + part: metric.kind if not part else "counter"
        for name, metric in METRICS.items()
        for part in PARTS.get(metric.kind, {""})
    }


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_for_what_there_is(expression: str) -> None:
    """Its names and labels exist, counters alone are asked for by rate, brackets are closed."""
    told = samples()
    used = USED.findall(expression)
    assert used or expression.startswith("up{"), expression
    for name, labels, span in used:
        assert name in told, name
        assert bool(span) == (told[name] == "counter"), name
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels):
            assert label in LABELS, label
    for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        assert {each.strip() for each in group.split(",")} <= LABELS | OF_PROMETHEUS
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


def test_every_metric_is_drawn() -> None:
    """But for what never changes, and what says that spaces are left out."""
    drawn = {name for each in expressions() for name, *_ in USED.findall(each)}
    of_parts = {name.removesuffix(part) for name in drawn for part in ("_bucket", "_sum", "_count")}
    apart = {"engram_kernel_backend_info", "engram_spaces_left_out", "engram_arena_resets_total"}
    assert set(METRICS) - drawn - of_parts == apart


def test_the_dashboard_can_be_imported() -> None:
    """Panels have ids of their own and do not overlap; the data source is the reader's."""
    panels = dashboard()["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    places = [(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels]
    assert len(set(places)) == len(places)
    assert {each["datasource"]["uid"] for each in panels} == {"${datasource}"}
    assert {each["name"] for each in dashboard()["templating"]["list"]} == {
        "datasource",
        "memory_space",
    }


def test_every_alert_is_on_the_page_and_says_what_to_do() -> None:
    """By name; what wakes somebody is marked urgent."""
    page = (PAGES / "monitor.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \|[^|]*\| (yes)? ?\|$", page, re.MULTILINE)
    urgent = {"page": "yes", "ticket": ""}
    assert listed == [(each["alert"], urgent[each["labels"]["severity"]]) for each in rules()]
    for each in rules():
        assert set(each["annotations"]) == {"summary", "remedy"}
    named = set(re.findall(r"docs/\S+\.md", str(rules())))
    assert named
    assert all((PAGES.parents[1] / each).is_file() for each in named)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's package prometheus) is not here")
def test_prometheus_takes_the_alerts() -> None:
    """It reads every expression and template, and finds nothing wrong."""
    assert PROMTOOL is not None
    command = [PROMTOOL, "check", "rules", str(PAGES / "alerts.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout
