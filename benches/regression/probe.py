"""Builds a copy of the library whose exported functions mark where a call begins and ends.

callgrind cannot find those places by itself: libffi moves the stack pointer before it calls, and
what it calls is taken for a part of libffi.
"""

from __future__ import annotations

import ctypes
import hashlib
import re
from pathlib import Path
from typing import Final

import build_kernels
from engram.kernels.zig_library import library_path

_PROBE: Final = Path(__file__).with_name("probe.zig")
_FUNCTION: Final = re.compile(r"^export fn engram_\w+\([^{]*?\) \w+ \{$", re.MULTILINE)
_MARKS: Final = "\n    probe.enter();\n    defer probe.leave();"
_IMPORT: Final = 'const probe = @import("../probe.zig");\n'


def probed_library(root: Path = build_kernels.ROOT) -> Path:
    """Return the probed copy of the library of the sources under `root`, built when they changed.

    Raises:
        KernelBuildError: Zig cannot run here, or the sources do not build.
    """
    copy = root / ".zig-cache" / "probed"
    target = copy / build_kernels.SOURCES
    library = copy / build_kernels.PACKAGE / library_path().name
    texts = _texts(root / build_kernels.SOURCES)
    builder = Path(build_kernels.__file__).read_text(encoding="utf-8")
    digest = hashlib.sha256(repr((texts, builder)).encode()).hexdigest()
    stamp = copy / "sources.sha256"
    if library.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return library
    for name, text in texts.items():
        _write(target / name, text)
    for file in sorted(target.rglob("*.zig")):
        if file.relative_to(target).as_posix() not in texts:
            file.unlink()
    (copy / build_kernels.PACKAGE).mkdir(parents=True, exist_ok=True)
    build_kernels.build(build_kernels.host_target(), copy)
    _write(stamp, digest)
    return library


def marked(text: str) -> str:
    """Return the text of an ABI file in which every exported function marks its calls."""
    return _FUNCTION.sub(lambda found: found.group(0) + _MARKS, text) + _IMPORT


def declare_probe(library: ctypes.CDLL) -> None:
    """Set the argument types of what the probe adds."""
    library.engram_probe_burn.argtypes = [ctypes.c_size_t]
    library.engram_probe_dump.argtypes = [ctypes.c_char_p]
    for name in ("burn", "dump", "start", "stop"):
        getattr(library, f"engram_probe_{name}").restype = None


def _texts(source: Path) -> dict[str, str]:
    """Return the files of the copy by name."""
    texts = {_PROBE.name: _PROBE.read_text(encoding="utf-8")}
    for file in sorted(source.rglob("*.zig")):
        name, text = file.relative_to(source).as_posix(), file.read_text(encoding="utf-8")
        texts[name] = marked(text) if name.startswith("abi/") else text
    texts["abi.zig"] += f'\ncomptime {{\n    _ = @import("{_PROBE.name}");\n}}\n'
    return texts


def _write(path: Path, text: str) -> None:
    """Write a file unless it holds the text already, so that Zig's cache stays warm."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
