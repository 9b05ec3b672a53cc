from __future__ import annotations

import pytest

from engram.adapters.embedders.loading import load_embedder
from engram.model.errors import InvalidRequest


@pytest.mark.parametrize(
    ("name", "identity", "dimensions"),
    [
        ("static", "static-minilm-l6-v2-256@1", 256),
        (" minilm ", "all-MiniLM-L6-v2-onnx-int8@8199be6f", 384),
        (
            "openai:text-embedding-3-small",
            "openai-compatible:text-embedding-3-small@1536",
            1536,
        ),
        ("openai:nomic-embed-text@768", "openai-compatible:nomic-embed-text@768", 768),
        ("openai:bge-m3:latest@1024", "openai-compatible:bge-m3:latest@1024", 1024),
    ],
)
def test_each_name_gives_its_embedder(name: str, identity: str, dimensions: int) -> None:
    embedder = load_embedder(name, base_url="http://localhost:11434/v1")
    assert (embedder.identity, embedder.dimensions) == (identity, dimensions)


def test_default_works_offline() -> None:
    assert load_embedder().identity.startswith("static-")


@pytest.mark.parametrize(
    "name", ["", "openai", "openai:", "word2vec", "static:x", "openai:m@x", "openai:m@0"]
)
def test_unknown_names_are_refused_with_the_choices(name: str) -> None:
    with pytest.raises(InvalidRequest, match=r"choose static .* minilm .* openai:<model>"):
        load_embedder(name)


def test_model_of_unknown_length_is_asked_for_it() -> None:
    with pytest.raises(InvalidRequest, match="openai:bge-m3@768"):
        load_embedder("openai:bge-m3")
