from __future__ import annotations

import subprocess
import sys
from hashlib import blake2b
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.adapters.embedders import features, static
from engram.adapters.embedders.build_table import make_table, sif_weights
from engram.adapters.embedders.features import BUCKET_COUNT, FeatureReader
from engram.adapters.embedders.static import StaticEmbedder, read_table
from engram.model.errors import EmbedderUnavailable

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "engram.adapters.embedders"


@pytest.fixture(scope="module")
def reader() -> FeatureReader:
    return FeatureReader()


def test_table_is_the_one_the_digest_names() -> None:
    rows, scales = read_table()
    assert rows.shape == (29_523, 256)
    assert rows.dtype == np.int8
    assert scales.shape == (29_523,)
    assert (scales > 0).all()


def test_table_stays_under_seven_megabytes() -> None:
    assert len((files(PACKAGE) / "token_table.npz").read_bytes()) < 7_000_000


def test_notice_names_the_digest_and_the_licence() -> None:
    notice = (files(PACKAGE) / "NOTICE").read_text()
    assert static.TABLE_DIGEST in notice
    assert "Apache" in notice
    vocabulary = (files(PACKAGE) / "vocabulary.txt").read_bytes()
    assert blake2b(vocabulary, digest_size=32).hexdigest() in notice


def test_damaged_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token_table.npz").write_bytes(b"not the table")
    monkeypatch.setattr(static, "files", lambda _: tmp_path)
    with pytest.raises(EmbedderUnavailable, match="damaged; reinstall"):
        read_table()


def test_missing_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "files", lambda _: tmp_path)
    with pytest.raises(EmbedderUnavailable, match="cannot be read"):
        read_table()


def test_import_reads_no_table_and_no_torch() -> None:
    code = (
        "import sys, engram.adapters.embedders.static as s;"
        "sys.exit(s._loaded.get() is not None or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


@pytest.mark.anyio
async def test_identity_names_these_vectors() -> None:
    """A change of table or of reading must come with a new identity, or spaces would mix."""
    assert StaticEmbedder().identity == "static-minilm-l6-v2-256@1"
    texts = ["The cat sat on the mat.", "má 北京 🐶 кошка", ""]
    rows = await StaticEmbedder().embed(texts)
    coarse = np.rint(rows * 1000).astype("<i2")
    assert blake2b(coarse.tobytes(), digest_size=8).hexdigest() == "b554cd92e29eccff"


@pytest.mark.anyio
async def test_empty_texts_share_a_vector_apart_from_words() -> None:
    rows = await StaticEmbedder().embed(["", " \n", "cat"])
    assert np.array_equal(rows[0], rows[1])
    assert abs(rows[0] @ rows[2]) < 0.3


@pytest.mark.anyio
async def test_many_texts_in_threads_equal_each_text_inline() -> None:
    texts = [f"memory number {i} " + "long " * (i % 40) for i in range(600)]
    together = await StaticEmbedder().embed(texts)
    alone = np.concatenate([await StaticEmbedder().embed([text]) for text in texts])
    assert np.array_equal(together, alone)


@pytest.mark.anyio
async def test_frequent_words_count_little() -> None:
    rows = await StaticEmbedder().embed(["violin", "the violin of the", "violin piano"])
    assert rows[0] @ rows[1] > 0.95 > rows[0] @ rows[2]


def test_english_is_its_tokens_and_nothing_hashed(reader: FeatureReader) -> None:
    rows, shares = reader.read("Don't panic: unaffable embeddings, 3.50!")
    assert max(rows) < 29_523
    assert set(shares) == {1.0}


def test_an_accent_leaves_the_words_beside_it_alone(reader: FeatureReader) -> None:
    plain = reader.read("my quiet house")[0]
    assert reader.read("my quiet house é")[0][: len(plain)] == plain


def test_hashed_rows_lie_behind_the_tokens(reader: FeatureReader) -> None:
    rows, _ = reader.read("🐶🦄 ꙮ ʬ")
    assert max(rows) < 29_523 + BUCKET_COUNT
    assert max(rows) >= 29_523


def test_cache_of_chunks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CHUNKS_CACHED_MAX", 50)
    reader = FeatureReader()
    reader.read(" ".join(map(str, range(200))))
    assert len(reader._cached) <= 50


@pytest.mark.parametrize("letter", ["x", "é", "北", "\u0301", "🐶", "ﷺ"])
def test_hostile_text_makes_a_bounded_number_of_rows(letter: str) -> None:
    static._loaded.load()
    table = static._loaded.get()
    assert table is not None
    rows, _ = table._bounded(table._reader.read("a" + letter * 50_000))
    assert len(rows) <= 29_523 + BUCKET_COUNT


def test_weights_grow_with_rarity() -> None:
    weights = sif_weights(30_522)
    assert (np.diff(weights[1996:]) > 0).all()
    assert weights[1996] < 0.05
    assert 0.9 < weights[-1] <= 1


def test_recipe_keeps_the_angles_between_tokens() -> None:
    pooled = np.random.default_rng(5).normal(size=(999 + 400, 384)).astype(np.float32)
    pooled[:, 200:] = 0
    rows, scales = make_table(pooled)
    made = rows * scales[:, None]
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    real = pooled[999:] / np.linalg.norm(pooled[999:], axis=1, keepdims=True)
    assert np.abs(made @ made.T - real @ real.T).max() < 0.02
