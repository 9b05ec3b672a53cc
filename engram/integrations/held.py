"""A store that is open for as long as an object lives, for interfaces without a block to leave."""

from __future__ import annotations

import os
import threading
import weakref
from concurrent.futures import Future

import anyio
from anyio.from_thread import BlockingPortal

import engram.sync
from engram.service.store import Engram
from engram.wiring import open_store

_Opened = Future[tuple[BlockingPortal, Engram]]


class HeldStore:
    """A store on an event loop in a thread of its own, until `close` or the end of the program.

    Raises what `engram.open` raises. What a program that is killed had been told is stored is: the
    log is recovered at the next opening.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        opened: _Opened = Future()
        # A daemon: the interpreter waits for other threads before it calls what closes the store.
        self._thread = threading.Thread(
            target=anyio.run, args=(_serve, path, opened), name="engram held store", daemon=True
        )
        self._thread.start()
        self._portal, self._engram = opened.result()
        self._close = weakref.finalize(self, _stop, self._portal, self._thread)

    def space(self, space_id: str) -> engram.sync.Space:
        """Return the handle of a memory space; see `engram.Engram.space`."""
        return engram.sync.Space(self._portal, self._portal.call(self._engram.space, space_id))

    def close(self) -> None:
        """Close the store; doing so again does nothing."""
        self._close()


async def _serve(path: str | os.PathLike[str] | None, opened: _Opened) -> None:
    try:
        async with open_store(path) as store, BlockingPortal() as portal:
            opened.set_result((portal, store))
            await portal.sleep_until_stopped()
    except BaseException as error:
        if opened.done():
            raise
        opened.set_exception(error)


def _stop(portal: BlockingPortal, thread: threading.Thread) -> None:
    if threading.current_thread() is thread:
        # Garbage was collected there, and the loop cannot wait for itself.
        threading.Thread(target=_stop, args=(portal, thread), daemon=True).start()
        return
    portal.call(portal.stop)
    thread.join()
