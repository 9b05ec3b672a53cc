"""Every wheel passes the checks after its build, and the checks refuse what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import build_kernels
import build_wheels

HOST = build_kernels.host_target()
# One that needs neither the host's machine nor a C library that has to be built first.
CROSS = "aarch64-linux" if HOST != "aarch64-linux" else "x86_64-linux"
BINDINGS = build_kernels.BINDINGS.as_posix()


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this machine."""
    return build_wheels.build_wheel(HOST, tmp_path_factory.mktemp("dist"), copy)


@pytest.fixture(scope="module")
def library(wheel: Path) -> bytes:
    """Give the library in the wheel of this machine."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"engram/kernels/{build_kernels.TARGETS[HOST].library}")


def test_a_wheel_of_this_machine_passes(wheel: Path) -> None:
    checked = build_wheels.check_wheel(wheel, HOST)
    declarations = build_kernels.bindings()
    assert checked.exports_count == declarations.count(".restype = ") > 0
    assert checked.name in build_wheels.table([checked])


def test_a_wheel_of_another_machine_passes(copy: Path, tmp_path: Path) -> None:
    """The library of another platform neither comes into the package here nor replaces it."""
    build_wheels.check_wheel(build_wheels.build_wheel(CROSS, tmp_path, copy), CROSS)
    built = {path.name for path in (copy / "engram/kernels").iterdir()}
    assert built.isdisjoint({"engram_kernels.dll", "libengram_kernels.dylib"})


@pytest.mark.prove
@pytest.mark.parametrize("target", build_kernels.TARGETS)
def test_the_wheel_of_every_platform_passes(target: str, copy: Path, tmp_path: Path) -> None:
    build_wheels.check_wheel(build_wheels.build_wheel(target, tmp_path, copy), target)


def test_an_unpacked_wheel_runs_its_kernels(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        "import engram; from engram.kernels.zig_backend import ZigBackend; "
        "print(engram.__file__, *ZigBackend().isa_levels)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-P", "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    place, *levels = done.stdout.split()
    assert Path(place).is_relative_to(tmp_path)
    assert levels


def rewrite(
    wheel: Path, place: Path, change: Callable[[str, bytes], list[tuple[str, bytes]]]
) -> Path:
    """Copy a wheel, each entry replaced by what `change` makes of it."""
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(place / wheel.name, "w") as new:
        for name in old.namelist():
            for changed_name, data in change(name, old.read(name)):
                new.writestr(changed_name, data)
    return place / wheel.name


def without_library(name: str, data: bytes) -> list[tuple[str, bytes]]:
    return [] if name.endswith((".so", ".dylib", ".dll")) else [(name, data)]


def with_another_library(name: str, data: bytes) -> list[tuple[str, bytes]]:
    extra = [("engram/kernels/other.so", b"")] if name == BINDINGS else []
    return [(name, data), *extra]


def with_tests(name: str, data: bytes) -> list[tuple[str, bytes]]:
    return [(name, data), *([("tests/a.py", b"")] if name == BINDINGS else [])]


def with_another_tag(name: str, data: bytes) -> list[tuple[str, bytes]]:
    return [(name, data.replace(b"py3-none-", b"py2-none-") if name.endswith("/WHEEL") else data)]


def with_fewer_bindings(name: str, data: bytes) -> list[tuple[str, bytes]]:
    old = b"library.engram_abi_version.restype"
    return [(name, data.replace(old, b"library.engram_gone.restype"))]


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (without_library, ["holds [], not engram/kernels/"]),
        (with_another_library, ["other.so"]),
        (with_tests, ["tests/a.py"]),
        (with_another_tag, ["py2-none-"]),
        (with_fewer_bindings, ["engram_gone not exported", "engram_abi_version exported, but no"]),
    ],
)
def test_a_wheel_that_is_wrong_is_refused(
    change: Callable[[str, bytes], list[tuple[str, bytes]]],
    faults: list[str],
    wheel: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(build_wheels.WheelRejected) as refusal:
        build_wheels.check_wheel(rewrite(wheel, tmp_path, change), HOST)
    assert [fault for fault in faults if fault not in str(refusal.value)] == []


def test_a_wheel_under_another_name_is_refused(wheel: Path, tmp_path: Path) -> None:
    renamed = tmp_path / wheel.name.replace("-py3-", "-py2-")
    renamed.write_bytes(wheel.read_bytes())
    with pytest.raises(build_wheels.WheelRejected, match="its name has other tags"):
        build_wheels.check_wheel(renamed, HOST)


@pytest.mark.parametrize("target", set(build_kernels.TARGETS) - {HOST})
def test_a_library_of_this_machine_is_refused_for_another(target: str, library: bytes) -> None:
    machine = target.partition("-")[0]
    faults = build_wheels.library_faults(library, machine, build_kernels.TARGETS[target], set())
    assert "it is for " in faults[0] or "is no library for" in faults[0]


@pytest.mark.skipif(not HOST.endswith("linux"), reason="asks for a version of glibc")
def test_a_library_that_asks_too_much_of_the_system_is_refused() -> None:
    """Numpy's extension has what ours must not: a C++ runtime, a newer glibc, other symbols."""
    (extension,) = Path(np.__file__).parent.glob("_core/_multiarray_umath*.so")
    data = extension.read_bytes()
    faults = build_wheels.library_faults(
        data, HOST.partition("-")[0], build_kernels.TARGETS[HOST], set()
    )
    told = "; ".join(faults)
    for fault in ("more than glibc 2.17", "it needs lib", "exported, but no", "bytes, 2,000,000"):
        assert fault in told
