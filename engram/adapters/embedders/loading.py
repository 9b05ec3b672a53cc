"""From the name of an embedder, as a person writes it in the settings, to the embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.adapters.embedders.static import StaticEmbedder
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from engram.ports import Embedder

CHOICES: Final = (
    "static (offline, the default), minilm (offline, needs the extra [minilm]) or openai:<model> "
    "(any OpenAI-compatible endpoint), with @<dimensions> after a model that is not one of OpenAI's"
)
OPENAI_BASE_URL: Final = "https://api.openai.com/v1"

OPENAI_DIMENSIONS: Final = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
"""Lengths of OpenAI's own vectors (https://platform.openai.com/docs/guides/embeddings)."""


def load_embedder(
    name: str = "static",
    *,
    base_url: str | None = None,
    api_key: str | None = None,
) -> Embedder:
    """Return the embedder called `name`; nothing is read or connected to yet.

    Args:
        name: `static`, `minilm`, `openai:<model>` or `openai:<model>@<dimensions>`.
        base_url: where `openai:` asks, such as `http://localhost:11434/v1`; OpenAI's by default.
        api_key: what `openai:` sends as bearer token, if anything.

    Raises:
        InvalidRequest: no embedder is called that; the message names those that are.
    """
    kind, _, rest = name.strip().partition(":")
    if kind == "static" and not rest:
        return StaticEmbedder()
    if kind == "minilm" and not rest:
        from engram.adapters.embedders.minilm import MiniLMEmbedder  # noqa: PLC0415  # an extra

        return MiniLMEmbedder()
    if kind == "openai" and rest:
        return _openai(rest, base_url or OPENAI_BASE_URL, api_key)
    raise InvalidRequest(f"there is no embedder {name!r}; choose {CHOICES}")


def _openai(spec: str, base_url: str, api_key: str | None) -> Embedder:
    # Imported here: the HTTP client costs 60 ms that the offline embedders need not pay.
    from engram.adapters.embedders.openai import OpenAICompatibleEmbedder  # noqa: PLC0415

    model, at, digits = spec.rpartition("@")
    if not at:
        model, known = spec, OPENAI_DIMENSIONS.get(spec)
        if known is None:
            raise InvalidRequest(
                f"the length of the vectors of {spec!r} is not known; "
                f"write openai:{spec}@<dimensions>, for example openai:{spec}@768"
            )
        return OpenAICompatibleEmbedder(base_url, model, dimensions=known, api_key=api_key)
    if not model or not digits.isascii() or not digits.isdigit() or int(digits) == 0:
        raise InvalidRequest(f"openai:{spec} is not openai:<model>@<dimensions>; choose {CHOICES}")
    return OpenAICompatibleEmbedder(base_url, model, dimensions=int(digits), api_key=api_key)
