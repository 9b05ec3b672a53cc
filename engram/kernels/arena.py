"""The scratch memory of the Zig kernels: one arena a thread, sized and watched from here.

A thread's arena is obtained when a kernel first needs it, emptied when the kernel ends, and freed
when the thread ends. What does not fit is never silent and never wrong: see `Overflow`. The other
backends need no arena. After a fork the child's numbers count threads that it does not have.
"""

from __future__ import annotations

from ctypes import CDLL, addressof, c_uint64
from typing import Final, Literal, NamedTuple, NoReturn, TypeAlias

from engram.kernels import _zig_bindings as abi
from engram.kernels.zig_library import loaded_libraries, process_library
from engram.model.errors import ArenaExhausted, InvalidRequest, InvariantViolated, check
from engram.model.limits import ARENA_BYTES_MAX, ARENA_BYTES_MIN

Overflow: TypeAlias = Literal["error", "fallback", "panic"]
"""What a kernel meets that needs more than its arena has.

`error` raises ArenaExhausted with the size to set, `fallback` takes the heap and counts, `panic`
ends the process with the same message.
"""

_OVERFLOW_NAMES: Final[dict[int, Overflow]] = {
    abi.ARENA_OVERFLOW_ERROR: "error",
    abi.ARENA_OVERFLOW_FALLBACK: "fallback",
    abi.ARENA_OVERFLOW_PANIC: "panic",
}
_OVERFLOWS: Final[dict[str, int]] = {name: number for number, name in _OVERFLOW_NAMES.items()}
_ALIGNMENT: Final = 64
_THREADS_ROOM: Final = 64


class ThreadArena(NamedTuple):
    """The arena of one living thread."""

    thread_id: int
    """As `threading.get_native_id` gives it."""
    reserved_bytes: int
    """What the thread holds now; 0 before its first need and after `reset_arenas`."""
    high_water_bytes: int
    """The most one call asked for: an arena of this size would have held it."""


class ArenaStats(NamedTuple):
    """How the arenas of this process stand; counts go on from the last `reset_arena_metrics`."""

    size_bytes: int
    """What a thread's arena is made with from now on."""
    overflow: Overflow
    threads_alive: int
    """Threads that have used a kernel that takes scratch memory, and have not ended."""
    arenas_created: int
    """Since the process began."""
    arenas_freed: int
    """Since the process began."""
    reserved_bytes: int
    """What all arenas hold now."""
    high_water_bytes: int
    """The highest mark of any thread, those that have ended included."""
    takes: int
    """Pieces of scratch memory that kernels asked for."""
    resets: int
    """Calls that ended and left their arena empty."""
    overflows: int
    """Pieces that did not fit, whatever then happened."""
    fallback_bytes: int
    """Bytes that came from the heap instead."""
    threads: tuple[ThreadArena, ...]


def configure_arena(*, size_bytes: int | None = None, overflow: str | None = None) -> None:
    """Set the size of every thread's arena, and what happens to what does not fit.

    Holds for the whole process. A thread in a kernel adopts the size at its next call; the others
    give their memory back now. What is left out stays as it is.

    Args:
        size_bytes: ARENA_BYTES_MIN to ARENA_BYTES_MAX; rounded up to a multiple of 64.
        overflow: `error`, `fallback` or `panic`.

    Raises:
        InvalidRequest: a value is out of its range.
        BackendUnavailable: the Zig library, whose arenas these are, cannot be used here.
    """
    violations = []
    if size_bytes is not None and not ARENA_BYTES_MIN <= size_bytes <= ARENA_BYTES_MAX:
        violations.append(
            f"an arena of {size_bytes} bytes is not within {ARENA_BYTES_MIN} to {ARENA_BYTES_MAX}"
        )
    if overflow is not None and overflow not in _OVERFLOWS:
        violations.append(f"overflow {overflow!r} is not one of {', '.join(_OVERFLOWS)}")
    if violations:
        raise InvalidRequest(*violations)
    library = process_library()
    size, policy, *_ = _numbers(library)
    if size_bytes is not None:
        size = -(-size_bytes // _ALIGNMENT) * _ALIGNMENT
    if overflow is not None:
        policy = _OVERFLOWS[overflow]
    _check_ok(library.engram_arena_configure(size, policy))


def arena_stats() -> ArenaStats:
    """Return the numbers of all arenas, and the mark of each living thread.

    Threads go on meanwhile: each number is right, but not all are of one instant.
    BackendUnavailable without the Zig library.
    """
    library = process_library()
    room = _THREADS_ROOM
    while True:
        threads = (c_uint64 * (room * abi.ARENA_THREAD_STATS_COUNT))()
        numbers = _numbers(library, addressof(threads), room)
        alive = numbers[2]
        if alive <= room:
            break
        room = 2 * alive
    flat = threads[: alive * abi.ARENA_THREAD_STATS_COUNT]
    rows = zip(flat[0::3], flat[1::3], flat[2::3], strict=True)
    return ArenaStats(
        size_bytes=numbers[0],
        overflow=_OVERFLOW_NAMES[numbers[1]],
        threads_alive=alive,
        arenas_created=numbers[3],
        arenas_freed=numbers[4],
        reserved_bytes=numbers[5],
        high_water_bytes=numbers[6],
        takes=numbers[7],
        resets=numbers[8],
        overflows=numbers[9],
        fallback_bytes=numbers[10],
        threads=tuple(ThreadArena(*row) for row in rows),
    )


def reset_arenas() -> None:
    """Give the memory of idle threads back now, that of threads in a kernel when it has ended.

    Each takes memory anew when it next needs some. BackendUnavailable without the Zig library.
    """
    process_library().engram_arena_reset()


def reset_arena_metrics() -> None:
    """Count and mark from zero again; arenas stay. BackendUnavailable without the Zig library."""
    process_library().engram_arena_reset_metrics()


def deinit_thread_arena() -> None:
    """Free the arena of this thread, as its end will; it gets another when it needs one.

    BackendUnavailable without the Zig library.
    """
    process_library().engram_arena_deinit_thread()


def probe_arena(size_bytes: int) -> None:
    """Do what a kernel does that needs `size_bytes` of scratch memory on this thread.

    Raises:
        ArenaExhausted: they do not fit, and the policy is `error`.
        BackendUnavailable: there is no Zig library.
        MemoryError: the operating system gave no memory.
    """
    if process_library().engram_arena_probe(size_bytes) == abi.STATUS_OUT_OF_SPACE:
        raise_refusal()


def raise_refusal() -> NoReturn:
    """Raise ArenaExhausted for what was refused last on this thread.

    MemoryError when the operating system gave no memory.
    """
    for library in loaded_libraries():
        refusal = (c_uint64 * 2)()
        if library.engram_arena_take_refusal(addressof(refusal)) == 1:
            needed_bytes, size_bytes = refusal
            if size_bytes:
                raise ArenaExhausted(needed_bytes, size_bytes)
            raise MemoryError(f"there were no {needed_bytes} bytes of scratch memory for a kernel")
    raise InvariantViolated("a kernel that is out of space was refused scratch memory")


def _numbers(library: CDLL, threads_address: int | None = None, room: int = 0) -> list[int]:
    numbers = (c_uint64 * abi.ARENA_STATS_COUNT)()
    found = library.engram_arena_stats(addressof(numbers), threads_address, room)
    check(found >= 0, "the arenas write their numbers where there is room for them")
    return list(numbers)


def _check_ok(status: int) -> None:
    check(status == abi.STATUS_OK, f"checked arguments are valid to the arenas (status {status})")
