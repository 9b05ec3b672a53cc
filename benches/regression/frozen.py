"""The library as the baseline's commit had it, built anew and called like today's.

Both run in one process and take turns, so a noisy machine slows both (see `ratios`).
"""

from __future__ import annotations

import ctypes
import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

import build_kernels
from engram.kernels import _zig_bindings as abi
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path

_BUILD_SECONDS_MAX: Final = 600


class CannotCompare(Exception):
    """Raised when there is no frozen library to compare with; the message says why."""


class NotInFrozen(Exception):
    """Raised when a kernel is called that the frozen library lacks or declares otherwise."""


def frozen_library(commit: str, root: Path = build_kernels.ROOT) -> Path:
    """Return the library of a commit, built once and kept beside Zig's cache.

    Raises:
        CannotCompare: git or the commit is not here (a shallow clone), or it does not build.
    """
    home = root / ".zig-cache" / "frozen" / commit
    library = home / build_kernels.PACKAGE / library_path().name
    if library.exists():
        return library
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as name:
        sources = Path(name, commit)
        with tarfile.open(fileobj=io.BytesIO(_archive(commit, root))) as archive:
            archive.extractall(sources, filter="data")
        (sources / build_kernels.PACKAGE).mkdir(parents=True, exist_ok=True)
        built = subprocess.run(
            [sys.executable, "build_kernels.py"], cwd=sources, capture_output=True, text=True,
            check=False, timeout=_BUILD_SECONDS_MAX,
        )  # fmt: skip
        if built.returncode:
            raise CannotCompare(f"the kernels of {commit[:12]} do not build: {built.stderr[-500:]}")
        shutil.rmtree(sources / ".zig-cache", ignore_errors=True)
        if not home.exists():
            sources.rename(home)
    return library


def _archive(commit: str, root: Path) -> bytes:
    command = ["git", "-C", str(root), "archive", commit, "zig", "build_kernels.py"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - as written
    except OSError as error:
        raise CannotCompare(f"git cannot run: {error}") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        raise CannotCompare(
            f"the baseline's commit {commit[:12]} is not in this clone ({reason}); "
            "git fetch --unshallow brings it"
        )
    return done.stdout


class _Missing:
    """Stands for a function that cannot be compared: it may be declared, but not be called."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.argtypes: object = None
        self.restype: object = None

    def __call__(self, *_arguments: object) -> int:
        raise NotInFrozen(f"the frozen library has no such {self._name}")


class _FrozenCDLL(ctypes.CDLL):
    """A library in which absent functions are found missing when they are called."""

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("__"):
                raise
            missing = _Missing(name)
            setattr(self, name, missing)
            return missing


class _FrozenPyDLL(_FrozenCDLL, ctypes.PyDLL):
    """The same, whose calls keep the interpreter's lock."""


class FrozenBackend(ZigBackend):
    """Today's wrappers over the frozen library; other ABI, other answer: `CannotCompare`.

    A call of a function whose declaration has changed since raises NotInFrozen.
    """

    def __init__(self, path: Path) -> None:
        library = _FrozenCDLL(str(path))
        version = library.engram_abi_version()
        if version != abi.ABI_VERSION:
            raise CannotCompare(
                f"not comparable: the frozen library has ABI {version}, today's {abi.ABI_VERSION}"
            )
        self._bindings = path.with_name(build_kernels.BINDINGS.name)
        _declare(library, self._bindings)
        super(ZigBackend, self).__init__(library)

    def _holding(self, library: ctypes.CDLL) -> ctypes.CDLL:
        held = _FrozenPyDLL(library._name, handle=library._handle)  # noqa: SLF001 - the same one
        _declare(held, self._bindings)
        return held


def _declare(library: ctypes.CDLL, bindings: Path) -> None:
    """Declare the functions; those that were declared otherwise then become missing ones."""
    spec = importlib.util.spec_from_file_location("frozen_bindings", bindings)
    if spec is None or spec.loader is None:
        raise CannotCompare(f"the frozen bindings {bindings.name} cannot be read")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.declare(library)
    then = _declarations(library)
    abi.declare(library)
    now = _declarations(library)
    for name, declared in now.items():
        if then.get(name) != declared:
            setattr(library, name, _Missing(name))


def _declarations(library: ctypes.CDLL) -> dict[str, tuple[object, object]]:
    return {
        name: (function.argtypes, function.restype)
        for name, function in vars(library).items()
        if name.startswith("engram_")
    }
