"""How files are named, how long they are, and what they must not give away."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

MODULE_LINES_MAX = 400
GENERATED = {
    "engram/kernels/_zig_bindings.py",
    "engram/v1/engram_pb2.py",
    "engram/v1/engram_pb2_grpc.py",
}
VAGUE = {"util", "utils", "helper", "helpers", "common", "manager", "misc"}
MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(?:work|tmp|root|home)/")


def too_long(path: str, text: str) -> bool:
    """Whether a Python module has more lines than one can hold in mind."""
    return path.endswith(".py") and path not in GENERATED and text.count("\n") > MODULE_LINES_MAX


def vague(path: str) -> bool:
    """Whether a file or one of its folders is named after nothing in particular."""
    return bool(VAGUE & set(PurePosixPath(path).with_suffix("").parts))


def empty_packages(package: Path) -> list[str]:
    """Return packages that hold nothing but their `__init__.py`."""
    return [
        str(init.parent)
        for init in package.rglob("__init__.py")
        if not any(
            other != init and "__pycache__" not in other.parts
            for other in init.parent.rglob("*.py")
        )
    ]


def test_modules_are_short(texts: dict[str, str]) -> None:
    assert [path for path, text in texts.items() if too_long(path, text)] == []


def test_a_long_module_is_noticed() -> None:
    assert too_long("engram/a.py", "\n" * (MODULE_LINES_MAX + 1))
    assert not too_long("engram/a.py", "\n" * MODULE_LINES_MAX)


def test_files_have_telling_names(texts: dict[str, str]) -> None:
    assert [path for path in texts if vague(path)] == []


@pytest.mark.parametrize("path", ["engram/utils.py", "tests/common/test_a.py"])
def test_a_vague_name_is_noticed(path: str) -> None:
    assert vague(path)


def test_no_file_names_a_path_of_one_machine(texts: dict[str, str]) -> None:
    assert [path for path, text in texts.items() if MACHINE_PATH.search(text)] == []


def test_a_machine_path_is_noticed() -> None:
    assert MACHINE_PATH.search("open('/" + "tmp/store')")
    assert not MACHINE_PATH.search("see docs/work/notes, ~/work/, $HOME/tmp/")


def test_no_package_is_an_empty_room(root: Path) -> None:
    assert empty_packages(root / "engram") == []


def test_an_empty_room_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").touch()
    assert empty_packages(tmp_path) == [str(tmp_path)]


def test_test_files_have_names_of_their_own(texts: dict[str, str]) -> None:
    """Two test files of one name cannot both be imported by every tool."""
    names = [PurePosixPath(path).name for path in texts if path.startswith("tests/")]
    tests = [name for name in names if name.startswith("test_")]
    assert sorted(set(tests)) == sorted(tests)
