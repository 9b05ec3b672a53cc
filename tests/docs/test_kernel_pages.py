"""What the pages on kernels print can be typed, run and scraped as it stands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from engram.setting_values import KERNEL_CHOICES
from engram.settings import Settings

ROOT = Path(__file__).parents[2]
OPERATIONS = ROOT / "docs" / "operations"
PAGES = (OPERATIONS / "zig_performance_kernels.md", OPERATIONS / "zig_rollback_procedures.md")


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language, also those inside a list."""
    pattern = rf"^( *)```{language}\n(.*?)^\1```"
    found = re.findall(pattern, page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(text) for _, text in found]


def commands() -> list[str]:
    """Return every `engram` command the pages print, once."""
    lines = [
        line for page in PAGES for text in blocks(page, "console") for line in text.split("\n")
    ]
    return sorted({line[2:] for line in lines if line.startswith("$ ") and "engram" in line})


def run(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in this checkout, with no setting but those given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ENGRAM_")}
    return subprocess.run(  # noqa: S603 - our own interpreter and our own pages
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("command", commands())
def test_every_command_runs_as_printed(command: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    environment = {"ENGRAM_DATA_ROOT": str(tmp_path / "store")}
    while "=" in words[0]:
        name, value = words.pop(0).split("=", 1)
        environment[name] = value
    assert words.pop(0) == ".venv/bin/engram"
    done = run(["-m", "engram", *words], **environment)
    assert (done.returncode, done.stderr) == (0, "")
    if environment.get("ENGRAM_KERNELS") == "numpy" and words == ["kernels"]:
        assert "backend  numpy" in done.stdout


def test_the_statistics_can_be_read_as_printed() -> None:
    sizing, _ = blocks(PAGES[0], "python")
    probe = "from engram.kernels.arena import probe_arena\nprobe_arena(4096)\n"
    done = run(["-W", "error", "-c", probe + sizing])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "4096"


def exported() -> str:
    """Return what Prometheus would scrape from the example, after a call under the shadow."""
    _, example = blocks(PAGES[0], "python")
    program = (
        "from engram.kernels import vector_norms\n"
        "from engram.kernels.functions import process_kernels\n"
        "vector_norms([[3, 4]])\n"
        "process_kernels().wait_checked()\n"
        f"{example.replace('9464', '0')}"  # any port that is free
        "from prometheus_client import generate_latest\n"
        "print(generate_latest(REGISTRY).decode())\n"
    )
    done = run(["-c", program], ENGRAM_KERNELS="shadow")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_in_panels_and_alerts_is_exported_by_the_example() -> None:
    scraped = exported()
    assert 'engram_shadow_checked_total{kernel="normalize_f32"} 1.0' in scraped
    assert 'engram_shadow_differences_total{kernel="normalize_f32"} 0.0' in scraped
    there = set(re.findall(r"^(engram_\w+)", scraped, re.MULTILINE))
    text = PAGES[0].read_text("utf-8")
    after = text[text.index("Panels worth having") :]
    named = set(re.findall(r"\bengram_(?:arena|shadow)_\w+", after))
    rollback = re.findall(r"\bengram_(?:arena|shadow)_\w+", PAGES[1].read_text("utf-8"))
    assert (named | set(rollback)) - there == set()
    assert len(named) >= 8


def test_the_alerts_are_rules() -> None:
    (text,) = blocks(PAGES[0], "yaml")
    (group,) = yaml.safe_load(text)["groups"]
    assert [set(rule) >= {"alert", "expr", "annotations"} for rule in group["rules"]] == [True] * 3


def test_every_setting_is_in_the_table_of_settings() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    missing = [
        name for name in Settings.__struct_fields__ if f"\n| `ENGRAM_{name.upper()}` |" not in page
    ]
    assert missing == []


def test_every_choice_of_kernels_is_explained() -> None:
    text = PAGES[0].read_text("utf-8")
    assert [choice for choice in KERNEL_CHOICES if f"`{choice}`" not in text] == []
