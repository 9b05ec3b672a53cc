"""What is installed is pinned, completely and in agreement with what the package asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def pins(root: Path, *names: str) -> list[Requirement]:
    """Return the requirements of files in .ci."""
    lines = [
        line
        for name in names
        for line in (root / ".ci" / name).read_text(encoding="utf-8").splitlines()
    ]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_every_pin_is_exact(root: Path) -> None:
    loose = [
        str(pin)
        for pin in pins(root, "requirements.txt", "requirements-dev.txt")
        if not re.fullmatch(r"==[^*,]+", str(pin.specifier))
    ]
    assert loose == []


def test_what_the_package_and_its_build_need_is_pinned_within_their_bounds(root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    needed = settings["project"]["dependencies"] + settings["build-system"]["requires"]
    pinned: dict[str, list[str]] = {}
    for pin in pins(root, "requirements.txt"):
        version = str(pin.specifier).removeprefix("==")
        pinned.setdefault(canonicalize_name(pin.name), []).append(version)
    for text in needed:
        wanted = Requirement(text)
        versions = pinned.get(canonicalize_name(wanted.name), [])
        assert versions, f"{wanted.name} is not pinned in .ci/requirements.txt"
        assert all(wanted.specifier.contains(version) for version in versions), text


def test_nothing_is_pinned_twice(root: Path) -> None:
    found = [
        (canonicalize_name(pin.name), str(pin.marker))
        for pin in pins(root, "requirements.txt", "requirements-dev.txt")
    ]
    assert sorted(set(found)) == sorted(found)
