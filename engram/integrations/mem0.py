"""The classes of mem0 over a memory space, so that their users can switch by an import.

```python
from engram.integrations.mem0 import Memory

memory = Memory()
memory.add("I am allergic to peanuts.", user_id="ada")
memory.search("what may she not eat?", filters={"user_id": "ada"})
```

Signatures, answers and the errors of wrong arguments (ValueError) are those of mem0ai 2.2. No
language model is asked: what is added is remembered as it was said, and what needs one is refused.
docs/reference/frameworks.md says what differs.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import anyio.to_thread

from engram.integrations.bridge import Bridge, Work
from engram.integrations.held import HeldStore
from engram.integrations.mem0_filters import SCOPES
from engram.integrations.mem0_work import THRESHOLD, UNSET, Mem0Work, NewMemories, needing_model
from engram.model.ids import DEFAULT_SPACE
from engram.ports import Clock

if TYPE_CHECKING:
    from engram.integrations.bridge import AnySpace

__all__ = ["AsyncMemory", "Memory"]

T = TypeVar("T")

_OURS: Final = ("path", "space")
# What a configuration of mem0 says, for which there is nothing here to be configured.
_THEIRS: Final = frozenset(
    {
        "vector_store", "llm", "embedder", "history_db_path", "reranker", "version",
        "custom_instructions", "graph_store", "custom_fact_extraction_prompt",
        "custom_update_memory_prompt",
    }
)  # fmt: skip


class _Base:
    """What both classes have.

    Args:
        config: `path` (the store's directory; left out, the data root of the settings) and `space`
            (`default`). What a configuration of mem0 says besides is left aside with a warning.
        space: a space that is open already, instead; see docs/reference/frameworks.md.
        clock: tells when something was added.

    Raises:
        ValueError: the configuration has a field that nobody knows, or both are given.
        What `engram.open` raises.
    """

    def __init__(
        self, config: object = None, *, space: AnySpace | None = None, clock: Clock | None = None
    ) -> None:
        self._held: HeldStore | None = None
        self._work = Mem0Work(clock)
        given = _configured(config)
        if space is not None:
            if given:
                raise ValueError("config and space are both given; one says where memories are")
            self._bridge = Bridge(space)
            return
        self._held = HeldStore(given.get("path"))
        try:
            self._bridge = Bridge(self._held.space(given.get("space", DEFAULT_SPACE)))
        except BaseException:
            self._held.close()
            raise

    @classmethod
    def from_config(cls, config_dict: Mapping[str, Any]) -> Self:
        """Make one from a configuration; see the class."""
        return cls(config_dict)

    def close(self) -> None:
        """Close the store, if it was opened for this; the end of the program does so, too."""
        if self._held is not None:
            self._held.close()


def _configured(config: object) -> dict[str, Any]:
    """Return `path` and `space` of a configuration; those of mem0's own class have neither."""
    if config is None:
        return {}
    given = dict(config) if isinstance(config, Mapping) else {"llm": config}
    unknown = given.keys() - _THEIRS - {*_OURS}
    if unknown:
        raise ValueError(f"config has no field {min(unknown)!r}; it has {' and '.join(_OURS)}")
    aside = sorted(given.keys() & _THEIRS)
    if aside:
        warnings.warn(
            f"Engram leaves {', '.join(aside)} of a configuration of mem0 aside: it stores and "
            "searches itself, with the embedder of its own settings, and asks no language model",
            stacklevel=4,
        )
    return {name: given[name] for name in _OURS if given.get(name) is not None}


def _new(
    messages: object,
    ids: Mapping[str, object],
    metadata: Mapping[str, Any] | None,
    timestamp: object,
    expiration_date: object,
    needs_model: Mapping[str, object],
) -> NewMemories:
    if timestamp is not None:
        raise ValueError("timestamp is a feature of the platform of mem0; leave it out")
    return NewMemories(messages, ids, metadata, expiration_date, needs_model)


def _check_named(named: Mapping[str, object], method: str) -> None:
    """Refuse what a search takes no more, or never did."""
    ids = sorted(named.keys() & set(SCOPES))
    if ids:
        raise ValueError(
            f"Top-level entity parameters {ids} are not supported in {method}(). "
            "Use filters={'user_id': '...'} instead."
        )
    if named:
        raise TypeError(f"{method}() got an unexpected keyword argument {min(named)!r}")


class Memory(_Base):
    """Memories of users, agents and runs, without `await`; see the module."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the store."""
        self.close()

    def add(
        self,
        messages: object,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timestamp: object = None,
        expiration_date: object = None,
        infer: bool = False,
        memory_type: str | None = None,
        prompt: str | None = None,
    ) -> dict[str, list[dict[str, Any]]]:
        """Remember messages as they were said, one memory each, durably; those of system not.

        Args:
            messages: a text, a message (`role`, `content`, perhaps `name`) or a list of them.
            user_id: whose they are; of the three ids at least one is given.
            agent_id: which agent's.
            run_id: which run's.
            metadata: what is kept beside each, JSON of at most 64 KiB.
            timestamp: refused, as by mem0's library.
            expiration_date: the last day on which they are shown, YYYY-MM-DD in UTC.
            infer: refused when it is set: no language model draws facts out of messages.
            memory_type: `procedural_memory` is refused, as it needs a language model.
            prompt: refused, as it is for one.

        Returns:
            `{"results": [{"id", "memory", "event": "ADD", "actor_id", "role"}]}`.
        """
        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        needs_model = needing_model(infer, memory_type, prompt)
        new = _new(messages, ids, metadata, timestamp, expiration_date, needs_model)
        return self._bridge.run(lambda space: self._work.add(space, new))

    def get(self, memory_id: str) -> dict[str, Any] | None:
        """Return a memory, None when there is none."""
        return self._bridge.run(lambda space: self._work.get(space, memory_id))

    def get_all(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 20,
        show_expired: bool = False,
        **named: object,
    ) -> dict[str, list[dict[str, Any]]]:
        """Return `{"results": [...]}`, the oldest first; `filters` name an id at least."""
        _check_named(named, "get_all")
        return self._bridge.run(
            lambda space: self._work.get_all(space, filters, top_k, show_expired=show_expired)
        )

    def search(
        self,
        query: str,
        *,
        top_k: int = 20,
        filters: Mapping[str, Any] | None = None,
        threshold: float | None = THRESHOLD,
        rerank: bool = False,
        explain: bool = False,
        reference_date: object = None,
        show_expired: bool = False,
        **named: object,
    ) -> dict[str, list[dict[str, Any]]]:
        """Return what a query finds, best first, each with its `score` from 0 to 1.

        Args:
            query: what to look for; compared by meaning and by words.
            top_k: how many at most; no more than 1,000 are looked at.
            filters: whose memories (one id at least), and conditions on their metadata.
            threshold: the least score.
            rerank: changes nothing, as in mem0 without a re-ranker.
            explain: add `score_details`, the parts of the score.
            reference_date: refused, as by mem0's library.
            show_expired: whether what has expired is shown.
            **named: nothing; ids stand in `filters`.
        """
        del rerank
        _check_search(named, reference_date)
        return self._bridge.run(
            lambda space: self._work.search(
                space,
                query,
                filters,
                top_k,
                threshold,
                explain=explain,
                show_expired=show_expired,
            )
        )

    def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expiration_date: object = UNSET,
        data: str | None = None,
    ) -> dict[str, str]:
        """Correct a memory; its id stays, and `history` shows what it said before."""
        said = data if text is None else text
        return self._bridge.run(
            lambda space: self._work.update(space, memory_id, said, metadata, expiration_date),
            alone=True,
        )

    def delete(self, memory_id: str) -> dict[str, str]:
        """Forget a memory; ValueError when there is none."""
        return self._bridge.run(lambda space: self._work.delete(space, memory_id), alone=True)

    def delete_all(
        self, user_id: str | None = None, agent_id: str | None = None, run_id: str | None = None
    ) -> dict[str, str]:
        """Forget all memories that have all of these ids; at least one is given."""
        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        return self._bridge.run(lambda space: self._work.delete_all(space, **ids), alone=True)

    def history(self, memory_id: str) -> list[dict[str, Any]]:
        """Return what a memory said at which times, the oldest first; nothing of one deleted."""
        return self._bridge.run(lambda space: self._work.history(space, memory_id))

    def reset(self) -> None:
        """Forget all memories of all users in the space that were added here."""
        self._bridge.run(self._work.reset, alone=True)


def _check_search(named: Mapping[str, object], reference_date: object) -> None:
    _check_named(named, "search")
    if reference_date is not None:
        raise ValueError("reference_date is a feature of the platform of mem0; leave it out")


class AsyncMemory(_Base):
    """The same with `await`, under asyncio or trio; each method is that of `Memory`."""

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the store."""
        await anyio.to_thread.run_sync(self.close)

    async def add(
        self,
        messages: object,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timestamp: object = None,
        expiration_date: object = None,
        infer: bool = False,
        memory_type: str | None = None,
        prompt: str | None = None,
        llm: object = None,
    ) -> dict[str, list[dict[str, Any]]]:
        """Remember messages; see `Memory.add`."""
        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        needs_model = {**needing_model(infer, memory_type, prompt), "llm": llm}
        new = _new(messages, ids, metadata, timestamp, expiration_date, needs_model)
        return await self._bridge.arun(lambda space: self._work.add(space, new))

    async def get(self, memory_id: str) -> dict[str, Any] | None:
        """Return a memory, None when there is none."""
        return await self._bridge.arun(lambda space: self._work.get(space, memory_id))

    async def get_all(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 20,
        show_expired: bool = False,
        **named: object,
    ) -> dict[str, list[dict[str, Any]]]:
        """Return memories; see `Memory.get_all`."""
        _check_named(named, "get_all")
        return await self._bridge.arun(
            lambda space: self._work.get_all(space, filters, top_k, show_expired=show_expired)
        )

    async def search(
        self,
        query: str,
        *,
        top_k: int = 20,
        filters: Mapping[str, Any] | None = None,
        threshold: float | None = THRESHOLD,
        rerank: bool = False,
        explain: bool = False,
        reference_date: object = None,
        show_expired: bool = False,
        **named: object,
    ) -> dict[str, list[dict[str, Any]]]:
        """Return what a query finds; see `Memory.search`."""
        del rerank
        _check_search(named, reference_date)
        return await self._bridge.arun(
            lambda space: self._work.search(
                space,
                query,
                filters,
                top_k,
                threshold,
                explain=explain,
                show_expired=show_expired,
            )
        )

    async def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expiration_date: object = UNSET,
        data: str | None = None,
    ) -> dict[str, str]:
        """Correct a memory; see `Memory.update`."""
        said = data if text is None else text
        return await self._alone(
            lambda space: self._work.update(space, memory_id, said, metadata, expiration_date)
        )

    async def delete(self, memory_id: str) -> dict[str, str]:
        """Forget a memory; ValueError when there is none."""
        return await self._alone(lambda space: self._work.delete(space, memory_id))

    async def delete_all(
        self, user_id: str | None = None, agent_id: str | None = None, run_id: str | None = None
    ) -> dict[str, str]:
        """Forget all memories that have all of these ids; at least one is given."""
        ids = {"user_id": user_id, "agent_id": agent_id, "run_id": run_id}
        return await self._alone(lambda space: self._work.delete_all(space, **ids))

    async def history(self, memory_id: str) -> list[dict[str, Any]]:
        """Return what a memory said at which times; see `Memory.history`."""
        return await self._bridge.arun(lambda space: self._work.history(space, memory_id))

    async def reset(self) -> None:
        """Forget all memories of all users in the space that were added here."""
        await self._alone(self._work.reset)

    async def _alone(self, work: Work[T]) -> T:
        return await self._bridge.arun(work, alone=True)
