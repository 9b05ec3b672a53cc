"""Says how to get a framework that is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import within the block what comes with this extra; ImportError names it where it is not."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"{error}: install it with `pip install 'engram-memory-engine[{name}]'`",
            name=error.name,
            path=error.path,
        ) from error
