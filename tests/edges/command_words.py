"""Calls of the library as the words of a command line, and what no command line can say.

A command takes text, one value an option; what it prints with --json is read back as the types of
the library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from engram.edges.client.values import (
    Activated,
    Answered,
    Completed,
    Health,
    RecalledMany,
    Recognized,
)
from engram.model.association import Associated, Association, AssociationPath, Neighbour
from engram.model.concepts import Belief, Concept, Consolidated
from engram.model.contradiction import Contradiction
from engram.model.label_counts import LabelCount
from engram.model.memory import (
    Checkpointed,
    Compacted,
    ForgetReceipt,
    Memory,
    Page,
    Remembered,
    Reviewed,
    SpaceInfo,
    Unsuppressed,
)
from engram.model.space_settings import SpaceSettings

ARGUMENT_BYTES_MAX: Final = 100_000
"""Linux takes 128 KiB an argument: a longer text goes through standard input."""

UNSAID: Final = {
    "remember_many": "a command remembers one text; many come as a file, through import",
    "associate_many": "a command leads from one memory to one other",
    "stats": "the command of that name tells how the store stands, and health is compared",
    "subscribe": "a command ends; who follows a space keeps a connection",
    "near_duplicates": "consolidation and import act on it; there is no command that lists it",
    "lability": "says how much a correction may change now, which is for programs",
    "embedding": "nobody types a vector",
    "remember(associate)": "every memory that is typed is linked to the others",
    "recall(memory_ids)": "what memories bring to mind is the command spread",
    "recall(session)": "a command is one recall; its --session is the filter",
    "recall(deadline_ms)": "who waits for a command ends it with Ctrl-C",
    "spread(decay)": "how activation fades is for programs",
    "forget(request_key)": "forget takes many ids at once, and to repeat it forgets nothing more",
    "forget(mode)": "there is an option for each mode, and so none for another word",
    "update to nothing": "what an option leaves out stays: it cannot take a field away",
    "no text": "every word of a command line is a text",
    "no list": "an option that may be repeated is always a list",
    "no JSON": "metadata is written as JSON, which holds no other objects",
    "no zone": "a time without a zone is UTC on a command line",
    "half a character": "arguments are UTF-8, which has no halves of surrogate pairs",
}
"""Every call, argument and value of the table that no command line says, with its reason."""

Words: TypeAlias = list[str]
Say: TypeAlias = Callable[[Any], Words]


class Unsaid(Exception):
    """Raised when a command line cannot say something; its arguments are keys of UNSAID."""


class Verb(NamedTuple):
    """How a verb is said, and its answer read."""

    command: tuple[str, ...]
    positions: tuple[str, ...]
    options: Mapping[str, Say]
    read: Callable[[Any, Mapping[str, Any]], Any]


def text_of(value: object) -> str:
    """Return a value as it is typed."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise Unsaid("no zone")
        return value.isoformat()
    if isinstance(value, int | float):
        return str(value)
    return typed(value)


def typed(value: object) -> str:
    """Return a text that can be typed."""
    if not isinstance(value, str):
        raise Unsaid("no text")
    if any("\ud800" <= each <= "\udfff" for each in value):
        raise Unsaid("half a character")
    return value


def one(option: str) -> Say:
    """Return what says a value with an option."""
    return lambda value: [f"{option}={text_of(value)}"]


def several(option: str) -> Say:
    """Return what repeats an option for each value."""

    def say(value: Iterable[str]) -> Words:
        if isinstance(value, str):
            raise Unsaid("no list")
        return [f"{option}={typed(each)}" for each in value]

    return say


def switched(option: str, *, when: bool = True) -> Say:
    """Return what gives an option that takes no value."""
    return lambda value: [option] if value is when else []


def in_json(option: str) -> Say:
    """Return what says a value as JSON."""

    def say(value: object) -> Words:
        try:
            return [f"{option}={json.dumps(value)}"]
        except TypeError:
            raise Unsaid("no JSON") from None

    return say


def never(reason: str, *, but: object = None) -> Say:
    """Return what can say one value alone, by saying nothing."""

    def say(value: object) -> Words:
        if value is not but:
            raise Unsaid(reason)
        return []

    return say


def _mode(value: str) -> Words:
    if value not in {"delete", "suppress", "erase"}:
        raise Unsaid("forget(mode)")
    return [] if value == "delete" else [f"--{value}"]


def _episode(value: Mapping[str, Any]) -> Words:
    return [word for name, part in value.items() for word in _part(name)(part)]


def _part(name: str) -> Say:
    return _who if name == "who" else one(f"--{name}")


def _who(value: str | list[str]) -> Words:
    return several("--who")([value] if isinstance(value, str) else value)


def _parameters(value: Mapping[str, object]) -> Words:
    return [f"--param={name}={json.dumps(each)}" for name, each in value.items()]


def as_type(kind: Any) -> Callable[[Any, Mapping[str, Any]], Any]:
    """Return what reads an answer as a value of `kind`."""
    return lambda value, _: msgspec.convert(value, kind)


_UNEXPLAINED: Final[dict[str, Any]] = {"explanation": None, "matched_terms": [], "paths": []}


def _recalled(value: dict[str, Any], arguments: Mapping[str, Any]) -> Any:
    value["recollections"] = [_UNEXPLAINED | each for each in value["recollections"]]
    return msgspec.convert(value, RecalledMany).value(arguments["cue"])


def _found(value: dict[str, Any], arguments: Mapping[str, Any]) -> Any:
    return _recalled(value, {"cue": arguments["words"]})


def _recognized(value: dict[str, Any], _: Mapping[str, Any]) -> Any:
    value["nearest"] = [_UNEXPLAINED | each for each in value["nearest"]]
    return msgspec.convert(value, Recognized).value()


def _activated(value: dict[str, Any], _: Mapping[str, Any]) -> Any:
    named = {"activations": "active", "reached_count": "reached", "edges_count": "edges"}
    told = {name: value[said] for name, said in named.items()}
    return msgspec.convert(told | {"is_partial": value["is_partial"]}, Activated).value()


def _receipt(value: Any, arguments: Mapping[str, Any]) -> ForgetReceipt:
    receipt = msgspec.convert(value, ForgetReceipt)
    if arguments.get("progress") is not None:
        arguments["progress"](len(receipt.ids), len(receipt.ids))
    return receipt


_PARTICULARS: Final = {
    "entities": several("--entity"),
    "priority": one("--priority"),
    "expires_at": one("--expires"),
    "episode": _episode,
    "confidence_reason": one("--confidence-reason"),
    "fact_key": one("--fact-key"),
    "fact_value": one("--fact-value"),
}
_FIELDS: Final = {
    "embedding": never("embedding"),
    "kind": one("--kind"),
    "confidence": one("--confidence"),
    "occurred_at": one("--time"),
    "tags": several("--tag"),
    "source": one("--source"),
    "session": one("--session"),
    "metadata": in_json("--metadata"),
    "request_key": one("--request-key"),
    **_PARTICULARS,
}
_FILTERS: Final = {
    "tags_all": several("--tag"),
    "tags_any": several("--any-tag"),
    "kinds": several("--kind"),
    "sessions": several("--session"),
    "occurred_after": one("--after"),
    "occurred_before": one("--before"),
    "recorded_after": one("--recorded-after"),
    "confidence_min": one("--min-confidence"),
    "priority_min": one("--min-priority"),
    "include_expired": switched("--include-expired"),
    "include_suppressed": switched("--include-suppressed"),
    "metadata": in_json("--having"),
    "as_of": one("--as-of"),
}
_WAYS: Final = {"kinds": several("--kind"), "limit": one("--limit"), "hops": one("--hops")}
_KEY: Final = {"request_key": one("--request-key")}

VERBS: Final[dict[str, Verb]] = {
    "remember": Verb(
        ("remember",),
        ("content",),
        _FIELDS | {"associate": never("remember(associate)", but=True)},
        as_type(Remembered),
    ),
    "update": Verb(("update",), ("memory_id",), _FIELDS | {"content": one("--text")},
                   as_type(Remembered)),
    "get": Verb(("get",), ("memory_id",), _FILTERS, as_type(Memory)),
    "list": Verb(("list",), (), _FILTERS | _WAYS | {"kinds": several("--kind"),
                 "cursor": one("--cursor")}, as_type(Page)),
    "history": Verb(("history",), ("memory_id",), {}, as_type(tuple[Memory, ...])),
    "forget": Verb(("forget",), ("memory_id",),
                   {"mode": _mode, "request_key": never("forget(request_key)")}, _receipt),
    "forget_many": Verb(("forget",), ("memory_ids",),
                        {"mode": _mode, "progress": lambda _: []}, _receipt),
    "unsuppress": Verb(("unsuppress",), ("memory_id",), _KEY, as_type(Unsuppressed)),
    "feedback": Verb(("feedback",), ("memory_id", "verdict"), _KEY, as_type(Reviewed)),
    "recall": Verb(
        ("recall",),
        ("cue",),
        _FILTERS | {
            "embedding": never("embedding"),
            "limit": one("--limit"),
            "explain": switched("--explain"),
            "mode": one("--mode"),
            "reinforce": switched("--no-reinforce", when=False),
            "memory_ids": never("recall(memory_ids)"),
            "session": never("recall(session)"),
            "deadline_ms": never("recall(deadline_ms)"),
        },
        _recalled,
    ),
    "search": Verb(("search",), ("words",),
                   _FILTERS | {"limit": one("--limit"), "explain": switched("--explain")}, _found),
    "replay": Verb(("replay",), (), _FILTERS | {"limit": one("--limit"),
                   "cursor": one("--cursor")}, as_type(Page)),
    "labels": Verb(("labels",), ("field",), {"prefix": one("--prefix"), "limit": one("--limit")},
                   lambda value, _: [LabelCount(**each) for each in value["labels"]]),
    "recognize": Verb(("recognize",), ("cue",),
                      _FILTERS | {"embedding": never("embedding"), "limit": one("--limit")},
                      _recognized),
    "complete": Verb(
        ("complete",),
        (),
        {
            **{name: _part(name) for name in ("what", "where", "who", "why", "how")},
            "embedding": never("embedding"),
            "limit": one("--limit"),
        },
        lambda value, _: msgspec.convert(value, Completed).value(),
    ),
    "query": Verb(
        ("query",),
        ("statement",),
        {
            "parameters": _parameters,
            "budget_ms": one("--budget-ms"),
            "explain": switched("--explain"),
            "may_ask": never("no text"),
        },
        lambda value, _: msgspec.convert(value, Answered).value(),
    ),
    "associate": Verb(
        ("associate",),
        ("source_id", "target_id"),
        {
            "kind": one("--kind"),
            "weight": one("--weight"),
            "confidence": one("--confidence"),
            "why": one("--why"),
            "both_ways": switched("--both-ways"),
        },
        as_type(Associated),
    ),
    "dissociate": Verb(("dissociate",), ("source_id", "target_id"), {"kind": one("--kind")},
                       lambda value, _: value["ended"]),
    "associations": Verb(("associations",), ("memory_id",),
                         _WAYS | {"direction": one("--direction")},
                         as_type(tuple[Association, ...])),
    "neighbours": Verb(("neighbours",), ("memory_id",), _WAYS, as_type(tuple[Neighbour, ...])),
    "paths": Verb(
        ("paths",),
        ("source_id", "target_id"),
        {
            "how": one("--how"),
            "k": one("--k"),
            "kinds": several("--kind"),
            "hops_max": one("--hops"),
            "deadline_ms": one("--deadline-ms"),
        },
        as_type(tuple[AssociationPath, ...]),
    ),
    "spread": Verb(("spread",), ("memory_ids",), _WAYS | {"decay": never("spread(decay)")},
                   _activated),
    "consolidate": Verb(("consolidate",), (),
                        {"episodes_max": one("--episodes"), "progress": lambda _: []},
                        as_type(Consolidated)),
    "concepts": Verb(("concepts",), (), _WAYS, as_type(tuple[Concept, ...])),
    "belief_history": Verb(("concepts",), ("concept_id",), {}, as_type(tuple[Belief, ...])),
    "contradictions": Verb(("contradictions",), ("memory_id",), _WAYS,
                           as_type(tuple[Contradiction, ...])),
    "settings": Verb(("space", "show"), (), {}, as_type(SpaceSettings)),
    "configure": Verb(
        ("space", "configure"),
        (),
        _KEY | {
            "forgetting": one("--forgetting"),
            "beta": one("--beta"),
            "priming": lambda value: ["--priming" if value else "--no-priming"],
        },
        as_type(SpaceSettings),
    ),
}  # fmt: skip
"""How each verb of a space is said."""

STORE_VERBS: Final[dict[str, Verb]] = {
    "spaces": Verb(("space", "list"), (), {}, as_type(list[SpaceInfo])),
    "create_space": Verb(("space", "create"), ("space_id",), {}, lambda value, _: value["id"]),
    "drop_space": Verb(("space", "delete", "--yes"), ("space_id",), {}, lambda *_: None),
    "health": Verb(("stats",), (), {}, lambda value, _: msgspec.convert(value, Health).value()),
    "compact": Verb(("compact",), (), {"space_id": one("--space")}, as_type(Compacted)),
    "checkpoint": Verb(
        ("checkpoint",),
        (),
        {"space_id": one("--space"), "progress": lambda _: []},
        lambda value, _: msgspec.convert(value[0], Checkpointed),
    ),
}
"""How each verb of a store is said."""


def words_of(verb: Verb, arguments: Mapping[str, Any]) -> tuple[Words, Words]:
    """Return the words before and behind `--`; Unsaid when there are none for it.

    An argument that no verb knows becomes an option that no command knows.
    """
    options, positions, unsaid = list[str](), list[str](), list[str]()
    for name, value in arguments.items():
        if value is None or name in verb.positions:
            continue
        say = verb.options.get(name) or one(f"--{name.replace('_', '-')}")
        try:
            options += say(value)
        except Unsaid as reason:
            unsaid += reason.args
    if unsaid:
        raise Unsaid(*unsaid)
    for name in verb.positions:
        value = arguments.get(name, ())
        listed = value if isinstance(value, list | tuple) else (value,)
        positions += [typed(each) for each in listed if each is not None]
    return [*verb.command, *options], positions
