"""The contracts on imports hold, and each of them can be broken."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

LINT = (
    "import sys; from importlinter.cli import lint_imports; "
    "sys.exit(lint_imports(config_filename=sys.argv[1], no_cache=True))"
)
PACKAGES = (
    *("sync", "wiring", "adapters.one", "testing.fakes", "service.core", "engine.space"),
    *("retrieval.words", "wal.log", "state.apply", "kernels.best", "config.file", "settings"),
    *("setting_values", "ports", "picture", "model.memory", "edges.http", "edges.cli", "doctor"),
)
# One import each that breaks the contract it is named after and as few others as can be.
VIOLATIONS = {
    "layers": ("wal.log", "import engram.engine.space"),
    "pure-core": ("state.apply", "import time"),
    "either-loop": ("engine.space", "import asyncio"),
    "no-test-code": ("wiring", "import engram.testing.fakes"),
    "strange-edges": ("edges.http", "import engram.edges.cli"),
    "no-cycles": ("engine.space", "import engram.wal.log"),
}


def contracts(root: Path) -> dict[str, str]:
    """Return id -> name of every contract in pyproject.toml."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return {each["id"]: each["name"] for each in settings["tool"]["importlinter"]["contracts"]}


def lint(root: Path, where: Path) -> tuple[int, dict[str, str]]:
    """Run the linter on the package in `where`; return its exit code and contract -> verdict."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own words
        [sys.executable, "-c", LINT, str(root / "pyproject.toml")],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    verdicts = {
        id_: found[1]
        for id_, name in contracts(root).items()
        if (found := re.search(rf"^{re.escape(name)} (KEPT|BROKEN)", done.stdout, re.MULTILINE))
    }
    return done.returncode, verdicts


def make_house(where: Path) -> None:
    """Write a small package with every layer."""
    for name in PACKAGES:
        path = where.joinpath("engram", *name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        for parent in path.relative_to(where).parents[:-1]:
            (where / parent / "__init__.py").touch()


def test_the_contracts_hold(root: Path) -> None:
    code, verdicts = lint(root, root)
    assert verdicts == dict.fromkeys(contracts(root), "KEPT")
    assert code == 0


def test_a_tidy_house_passes(root: Path, tmp_path: Path) -> None:
    make_house(tmp_path)
    assert lint(root, tmp_path) == (0, dict.fromkeys(contracts(root), "KEPT"))


def test_each_contract_is_broken_by_its_violation(root: Path, tmp_path: Path) -> None:
    """No contract is so written that nothing could break it."""
    make_house(tmp_path)
    for module, line in VIOLATIONS.values():
        path = tmp_path.joinpath("engram", *module.split(".")).with_suffix(".py")
        path.write_text(f"{path.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")
    code, verdicts = lint(root, tmp_path)
    assert verdicts == dict.fromkeys(VIOLATIONS, "BROKEN")
    assert code != 0


def test_an_unlisted_package_breaks_the_layers(root: Path, tmp_path: Path) -> None:
    make_house(tmp_path)
    (tmp_path / "engram" / "attic.py").touch()
    code, verdicts = lint(root, tmp_path)
    assert verdicts["layers"] == "BROKEN"
    assert code != 0


def test_every_contract_has_its_violation(root: Path) -> None:
    assert contracts(root).keys() == VIOLATIONS.keys()
