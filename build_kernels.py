"""Builds zig/ into one shared library with the `ziglang` wheel, and its Python bindings.

`python build_kernels.py` puts the library for this machine into engram/kernels, where Python looks
for it; `--output` puts it elsewhere, for another platform or with Zig's safety checks. hatchling
calls `KernelBuildHook` for wheels and editable installs; where Zig cannot run the install goes on
without the library and says so.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface as _Hook
except ImportError:  # run as a script; only hatchling needs the hook
    _Hook = object  # type: ignore[assignment, misc, unused-ignore]

ROOT: Final = Path(__file__).resolve().parent
SOURCES: Final = Path("zig", "src")
PACKAGE: Final = Path("engram", "kernels")
BINDINGS: Final = PACKAGE / "_zig_bindings.py"
CACHE: Final = Path(".zig-cache")
TARGET_VARIABLE: Final = "ENGRAM_BUILD_TARGET"
MODES: Final = ("ReleaseFast", "ReleaseSafe")  # safe: undefined behaviour stops with a message
_ATTEMPTS_MAX: Final = 2  # a rare race while Zig sets up a target was reported through 0.16
_BUILD_SECONDS_MAX: Final = 600

_X86_LEVELS: Final = ("x86_64", "x86_64_v3", "x86_64_v4+avx512vnni-prefer_256_bit")


class Target(NamedTuple):
    """A platform one library serves."""

    zig: str
    wheel_platform: str
    library: str
    levels: tuple[str, ...]


TARGETS: Final = {
    "x86_64-linux": Target(
        "x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64", "libengram_kernels.so", _X86_LEVELS
    ),
    "aarch64-linux": Target(
        "aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64", "libengram_kernels.so", ("generic",)
    ),
    "x86_64-macos": Target(
        "x86_64-macos.13.0", "macosx_13_0_x86_64", "libengram_kernels.dylib", _X86_LEVELS
    ),
    "aarch64-macos": Target(
        "aarch64-macos.13.0", "macosx_13_0_arm64", "libengram_kernels.dylib", ("apple_m1",)
    ),
    "x86_64-windows": Target("x86_64-windows-gnu", "win_amd64", "engram_kernels.dll", _X86_LEVELS),
}


class KernelBuildError(Exception):
    """Raised when the library cannot be built here."""


def host_target() -> str:
    """Return the name in TARGETS of the machine this runs on; KernelBuildError without one."""
    system = {"Linux": "linux", "Darwin": "macos", "Windows": "windows"}.get(platform.system(), "")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    name = f"{machine}-{system}"
    if name not in TARGETS:
        raise KernelBuildError(f"there are no kernels for {platform.machine()} {platform.system()}")
    if system == "linux" and platform.libc_ver()[0] != "glibc":
        raise KernelBuildError("the Linux library needs glibc 2.17 or newer")
    return name


def build(
    target_name: str, root: Path = ROOT, *, output: Path | None = None, mode: str = MODES[0]
) -> Path:
    """Build the library of a target and return its path, in the package or `output`; retries once.

    Raises:
        KernelBuildError: Zig cannot run, or the build failed twice.
    """
    target = TARGETS[target_name]
    library = output or root / PACKAGE / target.library
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        try:
            return _build_once(target, root, library, mode)
        except KernelBuildError:
            if attempt == _ATTEMPTS_MAX:
                raise
    raise KernelBuildError("no attempt was made")


def _build_once(target: Target, root: Path, library: Path, mode: str) -> Path:
    source = root / SOURCES
    common = ["-O", mode, "-target", target.zig, "-lc", "-fPIC"]
    common += ["--cache-dir", str(root / CACHE)]
    if mode == MODES[0]:
        common += ["-fstrip"]
    link = ["--name", "engram_kernels", "-fno-emit-implib"]
    if "macos" in target.zig:
        # Otherwise it would be the path of the scratch folder here, another one each time.
        link += ["-install_name", f"@rpath/{target.library}"]
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="build-", dir=library.parent) as scratch:
        objects = []
        for number, level in enumerate(target.levels):
            part = Path(scratch, f"level{number}.o")
            _zig("build-obj", *common, f"-mcpu={level}", f"-femit-bin={part}", source / "level.zig")
            objects.append(part)
        built = Path(scratch, target.library)
        _zig(
            "build-lib", "-dynamic", *common, f"-mcpu={target.levels[0]}", *link,
            f"-femit-bin={built}", source / "abi.zig", *objects,
        )  # fmt: skip
        # Replaced, never rewritten: a process may have the old library mapped.
        return built.replace(library)


def _zig(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "ziglang", *map(str, arguments)]
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command, check=False, capture_output=True, text=True, timeout=_BUILD_SECONDS_MAX
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KernelBuildError(f"Zig cannot run: {error}") from error
    if done.returncode != 0:
        raise KernelBuildError(f"zig {arguments[0]} failed: {done.stderr.strip()[-2000:]}")


_CONSTANT: Final = re.compile(r"^pub const (\w+): [ui]32 = (-?\d+);$", re.MULTILINE)
_FUNCTION: Final = re.compile(r"^export fn (\w+)\((.*?)\) (\w+) \{$", re.MULTILINE | re.DOTALL)
_BLOCK: Final = re.compile(
    r"^pub const (\w+) = extern struct \{$(.*?)^\};$", re.MULTILINE | re.DOTALL
)
_FIELD: Final = re.compile(r"^    \w+: (.+),$", re.MULTILINE)
_STRUCT_CODES: Final = {"u32": "I", "i32": "i", "usize": "N", "f32": "f", "f64": "d"}
_CTYPES: Final = {
    "u32": "c_uint32",
    "i32": "c_int32",
    "u64": "c_uint64",
    "i64": "c_int64",
    "usize": "c_size_t",
    "f32": "c_float",
    "f64": "c_double",
    "void": "None",
}


def bindings(root: Path = ROOT) -> str:
    """Return the text of the Python bindings for the declarations in zig/src/abi.zig and abi/."""
    source = root / SOURCES
    files = [source / "abi.zig", *sorted(source.joinpath("abi").glob("*.zig"))]
    declarations = "\n".join(file.read_text(encoding="utf-8") for file in files)
    statuses = (source / "status.zig").read_text(encoding="utf-8")
    constants = [f"STATUS_{name.upper()} = {value}" for name, value in _CONSTANT.findall(statuses)]
    constants += [f"{name.upper()} = {value}" for name, value in _CONSTANT.findall(declarations)]
    functions = _FUNCTION.findall(declarations)
    if len(functions) != declarations.count("export fn "):
        raise KernelBuildError("zig/src/abi.zig or abi/ holds an `export fn` of an unknown form")
    blocks = [
        f'{re.sub("(?<=[a-z])(?=[A-Z])", "_", name).upper()} = Struct("@{_layout(fields)}")'
        for name, fields in _BLOCK.findall(declarations)
    ]
    lines = []
    used = {"CDLL"}
    for name, parameters, result in functions:
        kinds = [_ctype(p.split(":", 1)[1].strip()) for p in parameters.split(",") if p.strip()]
        used.update(kinds, {_ctype(result)} - {"None"})
        lines += [f"    library.{name}.argtypes = ["]
        lines += [f"        {kind}," for kind in kinds] + ["    ]"]
        if not kinds:
            lines[-2:] = [f"    library.{name}.argtypes = []"]
        lines += [f"    library.{name}.restype = {_ctype(result)}"]
    return "\n".join(
        [
            '"""Generated by build_kernels.py from zig/src/abi.zig and abi/; edit those."""',
            "",
            "from __future__ import annotations",
            "",
            f"from ctypes import {', '.join(sorted(used))}",
            "from struct import Struct",
            "",
            *constants,
            *blocks,
            "",
            "",
            "def declare(library: CDLL) -> None:",
            '    """Set the argument and result types of every function of the library."""',
            *lines,
            "",
        ]
    )


def _layout(fields: str) -> str:
    """Return the `struct` format of the fields of an extern struct: pointers and numbers."""
    kinds = _FIELD.findall(fields)
    codes = ["P" if kind.startswith("?") else _STRUCT_CODES.get(kind) for kind in kinds]
    if not all(codes):
        raise KernelBuildError(f"an extern struct of the ABI holds one of {kinds} that is unknown")
    return "".join(filter(None, codes))


def _ctype(zig_type: str) -> str:
    if zig_type == "?*const Array":
        return "py_object"
    if zig_type.startswith(("?[*]", "?*")):
        return "c_void_p"
    if zig_type not in _CTYPES:
        raise KernelBuildError(f"the ABI uses {zig_type}, which has no ctypes counterpart")
    return _CTYPES[zig_type]


def _chosen_target() -> str:
    name = os.environ.get(TARGET_VARIABLE) or host_target()
    if name not in TARGETS:
        raise KernelBuildError(f"{TARGET_VARIABLE}={name} is none of {', '.join(TARGETS)}")
    return name


def _library_place(target_name: str, root: Path) -> Path | None:
    """Keep another platform's library out of the package, where this machine's belongs."""
    try:
        if target_name == host_target():
            return None
    except KernelBuildError:
        pass
    return root / CACHE / target_name / TARGETS[target_name].library


class KernelBuildHook(_Hook):  # type: ignore[misc, type-arg, unused-ignore]
    """Builds the library into a wheel, or leaves it out with a warning where Zig cannot run."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build, and tag the wheel for the platform the library serves."""
        root = Path(self.root)
        try:
            name = _chosen_target()
            library = build(name, root, output=_library_place(name, root))
        except KernelBuildError as error:
            if os.environ.get(TARGET_VARIABLE):
                raise
            self.app.display_warning(
                f"the Zig kernels were not built ({error}); Engram will use its numpy backend. "
                "For the faster one, install the `ziglang` wheel where it can run and reinstall."
            )
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{TARGETS[name].wheel_platform}"
        build_data["force_include"][str(library)] = (PACKAGE / library.name).as_posix()


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", choices=TARGETS, help="platform to build for (default: this)")
    parser.add_argument("--output", type=Path, help="file to write instead of the package's")
    parser.add_argument("--optimize", choices=MODES, default=MODES[0], help="default: ReleaseFast")
    parser.add_argument("--bindings-only", action="store_true", help="write the bindings, no more")
    parser.add_argument("--check", action="store_true", help="fail if the bindings are out of date")
    options = parser.parse_args(arguments)
    text = bindings()
    current = (ROOT / BINDINGS).read_text(encoding="utf-8") if (ROOT / BINDINGS).exists() else ""
    if options.check:
        if text != current:
            sys.stderr.write(f"{BINDINGS} is out of date; run `python build_kernels.py`\n")
        return int(text != current)
    if text != current:
        (ROOT / BINDINGS).write_text(text, encoding="utf-8")
    if options.bindings_only:
        return 0
    return _build_and_tell(options.target, options.output, options.optimize)


def _build_and_tell(target_name: str | None, output: Path | None, mode: str) -> int:
    started = time.monotonic()
    try:
        name = target_name or host_target()
        sys.stdout.write(f"kernels: building for {name} ... ")
        sys.stdout.flush()
        place = output.resolve() if output else _library_place(name, ROOT)
        library = build(name, output=place, mode=mode)
    except KernelBuildError as error:
        sys.stderr.write(f"\n{error}\nEngram works without it, on its numpy backend.\n")
        return 1
    seconds = time.monotonic() - started
    shown = library.relative_to(ROOT) if library.is_relative_to(ROOT) else library
    sys.stdout.write(f"{shown} in {seconds:.1f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
