"""Engram: a durable memory engine for applications and AI agents.

```python
async with engram.open("./data") as db:
    space = await db.space("default")
    await space.remember("Ada Lovelace met Charles Babbage in June 1833.")
    for hit in await space.recall("who knew Babbage?"):
        print(hit.score, hit.memory.content, hit.parts)
```

Importing this package is cheap: numpy and the engine are loaded by the first use of a name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engram.connecting import connect as connect
    from engram.edges.client.space import RemoteSpace as RemoteSpace
    from engram.edges.client.store import RemoteEngram as RemoteEngram
    from engram.model import errors as errors
    from engram.model.memory import Memory as Memory
    from engram.model.recall_result import RecallResult as RecallResult
    from engram.model.recollection import Recollection as Recollection
    from engram.service.space import Space as Space
    from engram.service.store import Engram as Engram
    from engram.wiring import open_backups as open_backups
    from engram.wiring import open_store as open  # noqa: A004 - engram.open reads as it should

__version__ = "0.1.0"

_HOMES = {
    "open": ("engram.wiring", "open_store"),
    "open_backups": ("engram.wiring", "open_backups"),
    "connect": ("engram.connecting", "connect"),
    "RemoteEngram": ("engram.edges.client.store", "RemoteEngram"),
    "RemoteSpace": ("engram.edges.client.space", "RemoteSpace"),
    "Engram": ("engram.service.store", "Engram"),
    "Space": ("engram.service.space", "Space"),
    "Memory": ("engram.model.memory", "Memory"),
    "RecallResult": ("engram.model.recall_result", "RecallResult"),
    "Recollection": ("engram.model.recollection", "Recollection"),
    "errors": ("engram.model.errors", ""),
    "kernels": ("engram.kernels", ""),
    "sync": ("engram.sync", ""),
}

__all__ = [  # noqa: RUF022 - the names of _HOMES, spelled out for readers and tools
    "open",
    "open_backups",
    "connect",
    "RemoteEngram",
    "RemoteSpace",
    "Engram",
    "Space",
    "Memory",
    "RecallResult",
    "Recollection",
    "errors",
]


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    try:
        module, attribute = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'engram' has no attribute {name!r}") from None
    home = import_module(module)
    return getattr(home, attribute) if attribute else home


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted([*_HOMES, "__version__"])
