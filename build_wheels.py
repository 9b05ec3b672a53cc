"""Builds a wheel for every platform from this one machine and checks each after the build.

`python build_wheels.py` (`make wheels`) fills dist/. A wheel is refused unless its tag, its library
and what the library exports and asks of the system are what `TARGETS` and the bindings say.
Another platform's wheel is checked, not run.
"""

from __future__ import annotations

import argparse
import email
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import lief
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

import build_kernels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from build_kernels import Target

DIST: Final = build_kernels.ROOT / "dist"
# Half of the 100 MB that package indexes take; the offline embedder's table is most of a wheel.
WHEEL_BYTES_MAX: Final = 50_000_000
# The kernels of one platform, all levels; a debug section left in is ten times as long.
LIBRARY_BYTES_MAX: Final = 2_000_000
GLIBC_MAX: Final = (2, 17)
_BUILD_SECONDS_MAX: Final = 600
_LIBRARY_ENDINGS: Final = (".so", ".dylib", ".dll")

_ELF: Final = {"x86_64": lief.ELF.ARCH.X86_64, "aarch64": lief.ELF.ARCH.AARCH64}
_ELF_LIBRARIES: Final = {
    "libc.so.6", "libpthread.so.0", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
}  # fmt: skip
_MACHO: Final = {
    "x86_64": lief.MachO.Header.CPU_TYPE.X86_64,
    "aarch64": lief.MachO.Header.CPU_TYPE.ARM64,
}
_MACHO_LIBRARIES: Final = {"/usr/lib/libSystem.B.dylib"}
# Zig's linker exports these of its own from every dylib; they are addresses, not functions.
_MACHO_LINKER_EXPORTS: Final = {"__mh_dylib_header", "___dso_handle"}
_PE: Final = {"x86_64": lief.PE.Header.MACHINE_TYPES.AMD64}
_PE_LIBRARY: Final = re.compile(r"(?i)kernel32\.dll|ntdll\.dll|api-ms-win-crt-[a-z0-9-]+\.dll")


class WheelRejected(Exception):
    """Raised when a wheel is not what it must be; says everything that is wrong with it."""

    def __init__(self, wheel: str, faults: list[str]) -> None:
        super().__init__(f"{wheel}: " + "; ".join(faults))


class CheckedWheel(NamedTuple):
    """What is worth knowing of a wheel that passed."""

    name: str
    wheel_bytes: int
    library: str
    library_bytes: int
    exports_count: int


def build_wheel(target_name: str, dist: Path = DIST, root: Path = build_kernels.ROOT) -> Path:
    """Build the wheel of a target with the tools installed here, which must be those pinned.

    Raises:
        KernelBuildError: the build failed.
    """
    dist.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=dist) as scratch:
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
        done = subprocess.run(  # noqa: S603 - our own arguments
            [*command, "--outdir", scratch, str(root)],
            env={**os.environ, build_kernels.TARGET_VARIABLE: target_name},
            check=False,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS_MAX,
        )
        built = list(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or len(built) != 1:
            message = (done.stdout + done.stderr).strip()[-2000:]
            raise build_kernels.KernelBuildError(f"no wheel for {target_name}: {message}")
        return built[0].replace(dist / built[0].name)


def check_wheel(wheel: Path, target_name: str) -> CheckedWheel:
    """Check a wheel against its target; WheelRejected lists every fault."""
    target = build_kernels.TARGETS[target_name]
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        faults = [*_tag_faults(wheel, archive, target), *_content_faults(names, target)]
        place = (build_kernels.PACKAGE / target.library).as_posix()
        if place not in names:
            raise WheelRejected(wheel.name, faults)
        data = archive.read(place)
        declared = _declared(archive.read(build_kernels.BINDINGS.as_posix()).decode())
    machine = target_name.partition("-")[0]
    faults += library_faults(data, machine, target, declared)
    if wheel.stat().st_size > WHEEL_BYTES_MAX:
        faults.append(f"it has {wheel.stat().st_size:,} bytes, {WHEEL_BYTES_MAX:,} are allowed")
    if faults:
        raise WheelRejected(wheel.name, faults)
    return CheckedWheel(wheel.name, wheel.stat().st_size, target.library, len(data), len(declared))


def library_faults(data: bytes, machine: str, target: Target, declared: set[str]) -> list[str]:
    """Return what is wrong with the bytes of a library of that machine and target."""
    lief.logging.disable()
    binary = lief.parse(data)
    match binary:
        case lief.ELF.Binary() if "linux" in target.zig:
            exports, faults = _elf_faults(binary, machine)
        case lief.MachO.Binary() if "macos" in target.zig:
            exports, faults = _macho_faults(binary, machine, target)
        case lief.PE.Binary() if "windows" in target.zig:
            exports, faults = _pe_faults(binary, machine)
        case _:
            return [f"{target.library} is no library for {target.zig}"]
    if missing := sorted(declared - exports):
        faults.append(f"{', '.join(missing)} not exported")
    if extra := sorted(exports - declared):
        faults.append(f"{', '.join(extra)} exported, but no part of the bindings")
    if len(data) > LIBRARY_BYTES_MAX:
        faults.append(f"{target.library} has {len(data):,} bytes, {LIBRARY_BYTES_MAX:,} allowed")
    if str(build_kernels.ROOT).encode() in data:
        faults.append(f"{target.library} names a folder of the machine it was built on")
    return faults


def _tag_faults(wheel: Path, archive: zipfile.ZipFile, target: Target) -> Iterator[str]:
    expected = frozenset({Tag("py3", "none", target.wheel_platform)})
    try:
        _, _, _, tags = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename as error:
        yield str(error)
    else:
        if tags != expected:
            yield f"its name has other tags than py3-none-{target.wheel_platform}"
    (place,) = (name for name in archive.namelist() if name.endswith(".dist-info/WHEEL"))
    told = email.message_from_bytes(archive.read(place))
    if told.get_all("Tag") != [f"py3-none-{target.wheel_platform}"]:
        yield f"WHEEL has the tags {told.get_all('Tag')}"
    if told["Root-Is-Purelib"] != "false":
        yield "WHEEL calls it pure Python"


def _content_faults(names: list[str], target: Target) -> Iterator[str]:
    libraries = [name for name in names if name.endswith(_LIBRARY_ENDINGS)]
    expected = (build_kernels.PACKAGE / target.library).as_posix()
    if libraries != [expected]:
        yield f"it holds {libraries}, not {expected} alone"
    if strangers := [n for n in names if not re.match(r"engram/|[\w.-]+\.dist-info/", n)]:
        yield f"it holds {strangers[:3]}"


def _declared(bindings: str) -> set[str]:
    return set(re.findall(r"^    library\.(\w+)\.restype", bindings, re.MULTILINE))


def _text(name: str | bytes) -> str:
    """Lief gives a name that is no UTF-8 as bytes."""
    return name if isinstance(name, str) else repr(name)


def _elf_faults(binary: lief.ELF.Binary, machine: str) -> tuple[set[str], list[str]]:
    faults = []
    if binary.header.machine_type != _ELF[machine]:
        faults.append(f"it is for {binary.header.machine_type}, not {machine}")
    for required in binary.symbols_version_requirement:
        for version in required.get_auxiliary_symbols():
            wanted = _text(version.name)
            number = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", wanted)
            if number is None or tuple(map(int, number.groups())) > GLIBC_MAX:
                faults.append(f"it needs {wanted}, more than glibc 2.17")
    if strangers := set(map(_text, binary.libraries)) - _ELF_LIBRARIES:
        faults.append(f"it needs {', '.join(sorted(strangers))}")
    if not binary.has_nx:
        faults.append("it asks for an executable stack")
    tags = {entry.tag for entry in binary.dynamic_entries}
    dynamic = lief.ELF.DynamicEntry.TAG
    if tags & {dynamic.TEXTREL, dynamic.RPATH, dynamic.RUNPATH}:
        faults.append("its text is relocated, or it has a search path of its own")
    return {_text(symbol.name) for symbol in binary.exported_symbols}, faults


def _macho_faults(
    binary: lief.MachO.Binary, machine: str, target: Target
) -> tuple[set[str], list[str]]:
    faults = []
    if binary.header.cpu_type != _MACHO[machine]:
        faults.append(f"it is for {binary.header.cpu_type}, not {machine}")
    names = {_text(library.name) for library in binary.libraries}
    if strangers := names - _MACHO_LIBRARIES - {f"@rpath/{target.library}"}:
        faults.append(f"it needs {', '.join(sorted(strangers))}")
    version = binary.build_version
    minimum = [*map(int, target.wheel_platform.split("_")[1:3]), 0]
    if version is None or version.minos != minimum:
        faults.append("its minimum macOS is not that of the tag")
    if machine == "aarch64" and not binary.has_code_signature:
        faults.append("it is not signed, and Apple silicon runs no unsigned code")
    exports = {_text(symbol.name) for symbol in binary.exported_symbols if symbol.has_export_info}
    return {name.removeprefix("_") for name in exports - _MACHO_LINKER_EXPORTS}, faults


def _pe_faults(binary: lief.PE.Binary, machine: str) -> tuple[set[str], list[str]]:
    faults = []
    if binary.header.machine != _PE[machine]:
        faults.append(f"it is for {binary.header.machine}, not {machine}")
    if strangers := [i.name for i in binary.imports if not _PE_LIBRARY.fullmatch(_text(i.name))]:
        faults.append(f"it needs {', '.join(map(_text, strangers))}")
    if not (binary.has_nx and binary.is_pie):
        faults.append("it cannot be placed at random, or runs data as code")
    return {_text(function.name) for function in binary.exported_functions}, faults


def main(arguments: list[str]) -> int:
    """Build and check the wheels named, or all; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", choices=build_kernels.TARGETS, action="append")
    parser.add_argument("--output", type=Path, default=DIST, help="folder (default: dist)")
    options = parser.parse_args(arguments)
    passed: list[CheckedWheel] = []
    for name in options.target or build_kernels.TARGETS:
        sys.stdout.write(f"wheels: building for {name}\n")
        sys.stdout.flush()
        try:
            passed.append(check_wheel(build_wheel(name, options.output.resolve()), name))
        except (build_kernels.KernelBuildError, WheelRejected) as error:
            sys.stderr.write(f"wheels: {error}\n")
            return 1
    sys.stdout.write(table(passed))
    return 0


def table(wheels: list[CheckedWheel]) -> str:
    """Return the wheels as a table for people, one a line."""
    rows = [("wheel", "bytes", "library", "its bytes", "symbols")]
    rows += [
        (w.name, f"{w.wheel_bytes:,}", w.library, f"{w.library_bytes:,}", str(w.exports_count))
        for w in wheels
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{name:{widths[0]}}  {size:>{widths[1]}}  {library:{widths[2]}}  "
        f"{library_size:>{widths[3]}}  {symbols:>{widths[4]}}"
        for name, size, library, library_size, symbols in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
