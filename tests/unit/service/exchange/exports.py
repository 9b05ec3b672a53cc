"""Exports of other programs, small, as they write them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

# As mem0ai 2.2.1 wrote it (`json.dump(memory.get_all(filters={"user_id": "ada"}))`).
MEM0: dict[str, Any] = {
    "results": [
        {
            "id": "43665c5a-7975-4a9b-b665-3f490eafe788",
            "memory": "Ada likes green tea",
            "hash": "aedc07d0737c261c0eb356015a839c4b",
            "metadata": {"category": "drinks", "nested": {"a": 1}},
            "created_at": "2026-01-22T05:57:24.142764+00:00",
            "updated_at": "2026-01-22T05:57:24.295935+00:00",
            "user_id": "ada",
            "role": "user",
        },
        {
            "id": "921c3e6b-1bdc-4078-b57d-a194b4942ae2",
            "memory": "Noted.",
            "hash": "3e65e09483df4a05fbbacfda96665129",
            "metadata": None,
            "created_at": "2026-01-22T05:57:24.292255-07:00",
            "updated_at": "2026-01-22T05:57:24.292255-07:00",
            "user_id": "ada",
            "agent_id": "bot",
            "run_id": "run-7",
            "role": "assistant",
            "categories": ["notes"],
        },
    ]
}
# As chromadb 1.5.9 wrote it (`collection.get(include=["documents", "metadatas", "embeddings"])`).
CHROMA: dict[str, Any] = {
    "ids": ["a", "b", "l"],
    "embeddings": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.5], [1.0, 1.0, 1.0]],
    "documents": ["Ada met Babbage", "Berlin is cold", "lists"],
    "uris": None,
    "included": ["documents", "metadatas", "embeddings"],
    "data": None,
    "metadatas": [
        {"ok": True, "page": 3, "source": "letters"},
        {"created_at": "2024-05-01T10:00:00Z", "date": "some day", "session_id": "s"},
        {"tags": ["x", "y"]},
    ],
}
CHAT: list[dict[str, Any]] = [
    {
        "id": "c1",
        "created": 1714557600,
        "metadata": {"topic": "trip"},
        "messages": [
            {"role": "system", "content": "Be kind."},
            {
                "role": "user",
                "name": "ada",
                "content": [{"type": "text", "text": "Weather?"}, {"type": "image_url"}],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "t1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "18 C"},
            {"role": "assistant", "content": ""},
        ],
    },
    {"messages": [{"role": "user", "content": "yes"}, {"role": "assistant", "content": "yes"}]},
]
BLOCKS: dict[str, Any] = {
    "custom_id": "req-1",
    "params": {
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Add."},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "One and one."},
                    {"type": "tool_use", "id": "u", "name": "add", "input": {"a": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "u",
                        "is_error": True,
                        "content": [{"type": "text", "text": "no b"}],
                    }
                ],
            },
        ],
    },
}
NOTE = """---
title: Kitchen
date: 2024-03-01
tags: [home, "#tea"]
---
Intro.

# Tea

## Green
Three minutes.

```sh
# no heading
```

Oolong
------
- Five.
---

# Last #
"""


def written(path: Path, *lines: Any) -> Path:
    """Write JSON, one value a line."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def database(path: Path) -> Path:
    """Write what chromadb 1.5.9 keeps of `CHROMA`, by its own statements, and no vectors."""
    with closing(sqlite3.connect(path)) as made, made:
        made.executescript(
            """
            CREATE TABLE collections (id TEXT PRIMARY KEY, name TEXT NOT NULL, dimension INTEGER);
            CREATE TABLE segments (id TEXT PRIMARY KEY, type TEXT, scope TEXT, collection TEXT);
            CREATE TABLE embeddings (id INTEGER PRIMARY KEY, segment_id TEXT NOT NULL,
                embedding_id TEXT NOT NULL, seq_id BLOB NOT NULL,
                created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
            CREATE TABLE embedding_metadata (id INTEGER REFERENCES embeddings(id),
                key TEXT NOT NULL, string_value TEXT, int_value INTEGER, float_value REAL,
                bool_value INTEGER, PRIMARY KEY (id, key));
            CREATE TABLE embedding_metadata_array (id INTEGER NOT NULL, key TEXT NOT NULL,
                string_value TEXT, int_value INTEGER, float_value REAL, bool_value INTEGER);
            INSERT INTO collections VALUES ('C', 'notes', 3);
            INSERT INTO segments VALUES ('V', 'urn:chroma:segment/vector', 'VECTOR', 'C'),
                ('M', 'urn:chroma:segment/metadata/sqlite', 'METADATA', 'C');
            INSERT INTO embeddings VALUES (1, 'M', 'a', 1, '2026-01-22 06:01:18'),
                (2, 'M', 'b', 2, '2026-01-22 06:01:19'), (4, 'M', 'e', 4, '2026-01-22 06:01:19');
            INSERT INTO embedding_metadata VALUES (1, 'x', NULL, NULL, 1.5, NULL),
                (1, 'ok', NULL, NULL, NULL, 1), (1, 'page', NULL, 3, NULL, NULL),
                (1, 'chroma:document', 'Ada met Babbage', NULL, NULL, NULL),
                (1, 'source', 'letters', NULL, NULL, NULL),
                (2, 'created_at', '2024-05-01T10:00:00Z', NULL, NULL, NULL),
                (2, 'chroma:uri', 'file:///x.png', NULL, NULL, NULL),
                (2, 'chroma:document', 'Berlin is cold', NULL, NULL, NULL),
                (4, 'only', 'vector', NULL, NULL, NULL);
            INSERT INTO embedding_metadata_array VALUES (2, 'tags', 'x', NULL, NULL, NULL),
                (2, 'tags', 'y', NULL, NULL, NULL);
            """
        )
    return path


def notes(path: Path) -> Path:
    """Write a folder of notes."""
    (path / "sub").mkdir(parents=True)
    (path / ".hidden").mkdir()
    (path / "a.md").write_text(NOTE, "utf-8")
    (path / "sub" / "b.md").write_text("alone\r\n\r\n# X\r\ny\r\n", "utf-8")
    (path / ".hidden" / "c.md").write_text("not read", "utf-8")
    (path / "d.txt").write_text("not read", "utf-8")
    return path


SOURCES: dict[str, Any] = {
    "mem0.json": lambda path: written(path, MEM0),
    "chroma.json": lambda path: written(path, CHROMA),
    "chroma.sqlite3": database,
    "openai.jsonl": lambda path: written(path, *CHAT),
    "anthropic.jsonl": lambda path: written(path, BLOCKS),
    "notes": notes,
}
