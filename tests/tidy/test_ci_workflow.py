"""The workflow that ships here runs the README's own commands on three systems."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

PYTHONS = ["3.11", "3.13"]


@pytest.fixture
def jobs(root: Path) -> dict[str, Any]:
    text = (root / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["jobs"]
    return found


def _commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_three_systems_are_named_with_both_pythons(jobs: dict[str, Any]) -> None:
    matrix = jobs["elsewhere"]["strategy"]["matrix"]
    systems = [jobs["linux"]["runs-on"], *matrix["system"]]
    assert [system.partition("-")[0] for system in systems] == ["ubuntu", "macos", "windows"]
    assert jobs["elsewhere"]["runs-on"] == "${{ matrix.system }}"
    for job in jobs.values():
        assert job["strategy"]["matrix"]["python"] == PYTHONS


def test_linux_runs_what_the_readme_says_and_what_ci_runs(root: Path, jobs: dict[str, Any]) -> None:
    quickstart, run = _commands(jobs["linux"])
    assert f"$ {quickstart}\n" in (root / "README.md").read_text(encoding="utf-8")
    assert (root / run).is_file()


def test_the_others_run_the_tests_the_makefile_runs(root: Path, jobs: dict[str, Any]) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert "PYTEST := $(RUN) -m pytest -q\n" in makefile
    run = _commands(jobs["elsewhere"])[-1]
    assert f"@$(PYTEST){run.removeprefix('python -m pytest -q')}\n" in makefile
    assert '-m "not prove"' in run


def test_the_others_install_the_pins_that_are_there(root: Path, jobs: dict[str, Any]) -> None:
    files = re.findall(r"-r (\S+)", "\n".join(_commands(jobs["elsewhere"])))
    assert files == [".ci/requirements.txt", ".ci/requirements-dev.txt"]
    assert all((root / file).is_file() for file in files)


def test_every_action_is_pinned_to_a_tag(jobs: dict[str, Any]) -> None:
    uses = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert len(uses) == 4
    assert [name for name in uses if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", name)] == []
