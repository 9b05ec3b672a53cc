"""Hot loops behind one Protocol: plain Python (the meaning), numpy and Zig.

```python
from engram.kernels import vector_similarity

vector_similarity([1, 0], [[1, 1], [0, 2]])  # cosines: 0.707, 0
```

Importing this package is cheap: numpy and the library are loaded by the first use of a name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engram.kernels.arena import ArenaStats as ArenaStats
    from engram.kernels.arena import arena_stats as arena_stats
    from engram.kernels.arena import configure_arena as configure_arena
    from engram.kernels.arena import deinit_thread_arena as deinit_thread_arena
    from engram.kernels.arena import reset_arena_metrics as reset_arena_metrics
    from engram.kernels.arena import reset_arenas as reset_arenas
    from engram.kernels.functions import apply_decay as apply_decay
    from engram.kernels.functions import spread_activation as spread_activation
    from engram.kernels.functions import vector_norms as vector_norms
    from engram.kernels.functions import vector_similarity as vector_similarity
    from engram.kernels.graph.association_graph import AssociationGraph as AssociationGraph
    from engram.kernels.graph.parameters import SpreadParameters as SpreadParameters
    from engram.kernels.selection import shadow_stats as shadow_stats

_HOMES = {
    "ArenaStats": "arena",
    "arena_stats": "arena",
    "configure_arena": "arena",
    "deinit_thread_arena": "arena",
    "reset_arena_metrics": "arena",
    "reset_arenas": "arena",
    "apply_decay": "functions",
    "spread_activation": "functions",
    "vector_norms": "functions",
    "vector_similarity": "functions",
    "AssociationGraph": "graph.association_graph",
    "SpreadParameters": "graph.parameters",
    "shadow_stats": "selection",
}

__all__ = [  # noqa: RUF022 - the names of _HOMES, spelled out for readers and tools
    "ArenaStats",
    "arena_stats",
    "configure_arena",
    "deinit_thread_arena",
    "reset_arena_metrics",
    "reset_arenas",
    "apply_decay",
    "spread_activation",
    "vector_norms",
    "vector_similarity",
    "AssociationGraph",
    "SpreadParameters",
    "shadow_stats",
]


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    try:
        module = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'engram.kernels' has no attribute {name!r}") from None
    return getattr(import_module(f"engram.kernels.{module}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(_HOMES)
