"""Against a real HTTP server on the loopback interface, in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from engram.adapters.embedders import openai
from engram.adapters.embedders.openai import OpenAICompatibleEmbedder
from engram.model.errors import EmbedderUnavailable, InvalidRequest

pytestmark = pytest.mark.anyio

KEY = "sk-secret-of-the-test"


class Endpoint(ThreadingHTTPServer):
    """Answers each text with [its length, 1, 0], last text first; `script` goes before."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[tuple[int, dict[str, str], Any]] = []
        self.requests: list[tuple[str, str | None, dict[str, Any]]] = []

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    """Keeps what was asked and answers by the script."""

    server: Endpoint

    def do_POST(self) -> None:
        """Answer one request."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, self.headers["Authorization"], body))
        status, headers, answer = (
            self.server.script.pop(0) if self.server.script else (200, {}, vectors(body["input"]))
        )
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        """Keep the test's output quiet."""


def vectors(texts: list[str]) -> dict[str, Any]:
    items = [{"index": i, "embedding": [len(t), 1, 0]} for i, t in enumerate(texts)]
    return {"object": "list", "data": items[::-1], "model": "m"}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "FIRST_PAUSE_SECONDS", 0.001)


def make(endpoint: Endpoint, **options: Any) -> OpenAICompatibleEmbedder:
    options = {"dimensions": 3, "api_key": KEY, **options}
    return OpenAICompatibleEmbedder(endpoint.base_url, "m", **options)


async def test_rows_are_unit_and_in_the_order_of_the_texts(endpoint: Endpoint) -> None:
    rows = await make(endpoint).embed(["a", "bbb"])
    expected = np.array([[1, 1, 0], [3, 1, 0]], np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected, rtol=1e-6)


async def test_request_carries_model_texts_and_key(endpoint: Endpoint) -> None:
    await make(endpoint, request_dimensions=True).embed(["a"])
    body = {"model": "m", "input": ["a"], "encoding_format": "float", "dimensions": 3}
    assert endpoint.requests == [("/v1/embeddings", f"Bearer {KEY}", body)]


async def test_without_a_key_none_is_sent(endpoint: Endpoint) -> None:
    await make(endpoint, api_key=None).embed(["a"])
    assert endpoint.requests[0][1] is None


async def test_many_texts_go_in_batches(endpoint: Endpoint) -> None:
    rows = await make(endpoint, batch_texts_max=2).embed(["a", "bb", "ccc", "dddd", "eeeee"])
    assert [len(body["input"]) for _, _, body in endpoint.requests] == [2, 2, 1]
    np.testing.assert_allclose(rows[:, 0] / rows[:, 1], [1, 2, 3, 4, 5], rtol=1e-6)


async def test_no_texts_need_no_request(endpoint: Endpoint) -> None:
    assert (await make(endpoint).embed([])).shape == (0, 3)
    assert endpoint.requests == []


async def test_text_that_has_no_utf8_or_nothing_in_it_is_sent_all_the_same(
    endpoint: Endpoint,
) -> None:
    await make(endpoint).embed(["a\ud800", ""])
    assert endpoint.requests[0][2]["input"] == ["a?", " "]


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_passing_trouble_is_tried_again(endpoint: Endpoint, status: int) -> None:
    endpoint.script = [(status, {"Retry-After": "0"}, {}), (status, {}, {})]
    assert (await make(endpoint).embed(["a"])).shape == (1, 3)
    assert len(endpoint.requests) == 3


async def test_lasting_trouble_is_given_up(endpoint: Endpoint) -> None:
    endpoint.script = [(503, {}, {})] * 10
    with pytest.raises(EmbedderUnavailable, match="status 503"):
        await make(endpoint).embed(["a"])
    assert len(endpoint.requests) == openai.ATTEMPTS_MAX


async def test_a_long_retry_after_is_told_and_not_waited_for(endpoint: Endpoint) -> None:
    endpoint.script = [(429, {"Retry-After": "3600"}, {})]
    with pytest.raises(EmbedderUnavailable, match="limits requests"):
        await make(endpoint).embed(["a"])
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(400, "model's name"), (401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "base URL")],
)
async def test_refusals_are_not_repeated_and_name_the_remedy(
    endpoint: Endpoint, status: int, remedy: str
) -> None:
    endpoint.script = [(status, {}, {"error": {"message": f"bad key {KEY}"}})]
    with pytest.raises(EmbedderUnavailable, match=remedy) as caught:
        await make(endpoint).embed(["a"])
    assert len(endpoint.requests) == 1
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"<html>", "did not answer with embeddings"),
        ({"data": []}, "0 vectors for 1 texts"),
        ({"data": [{"index": 1, "embedding": [1, 0, 0]}]}, "1 vectors for 1 texts"),
        ({"data": [{"index": 0, "embedding": [1, 0]}]}, "2 dimensions, not 3"),
        ({"data": [{"index": 0, "embedding": [0, 0, 0]}]}, "without a direction"),
        (b'{"data": [{"index": 0, "embedding": [1e308, 1e308, 0]}]}', "without a direction"),
        (b'{"data": [{"index": 0, "embedding": [NaN, 0, 0]}]}', "did not answer with embeddings"),
    ],
)
async def test_answers_that_are_no_vectors_are_refused(
    endpoint: Endpoint, answer: object, reason: str
) -> None:
    endpoint.script = [(200, {}, answer)]
    with pytest.raises(EmbedderUnavailable, match=reason):
        await make(endpoint).embed(["a"])


async def test_nobody_listening_is_unavailable() -> None:
    with Endpoint() as server:
        base_url = server.base_url
    embedder = OpenAICompatibleEmbedder(base_url, "m", dimensions=3)
    with pytest.raises(EmbedderUnavailable, match="check the base URL"):
        await embedder.embed(["a"])


async def test_every_bad_option_is_named_at_once_and_the_key_is_not() -> None:
    with pytest.raises(InvalidRequest) as caught:
        OpenAICompatibleEmbedder(
            "ftp://x",
            "",
            dimensions=0,
            api_key=KEY + "\n",
            batch_texts_max=0,
            timeout_seconds=float("nan"),
        )
    assert len(caught.value.violations) == 6
    assert KEY not in str(caught.value)
