"""Embeddings from any endpoint that speaks OpenAI's `POST /embeddings`.

The wire format: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import anyio
import httpx2
import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.model.decoders import json_decoder
from engram.model.errors import EmbedderUnavailable, InvalidRequest

ATTEMPTS_MAX: Final = 4
"""Tries of one batch; embedding changes nothing at the other end, so repeating it is safe."""

FIRST_PAUSE_SECONDS: Final = 0.5
"""Pause before the second try; it doubles each time."""

PAUSE_SECONDS_MAX: Final = 20.0
"""A longer `Retry-After` is not waited for: the caller hears of it instead."""

TOO_MANY_REQUESTS: Final = 429
REMEDIES: Final = {
    400: "check the model's name and the length of the texts",
    401: "check the API key (OPENAI_API_KEY)",
    403: "check what the API key may do (OPENAI_API_KEY)",
    404: "check the base URL (OPENAI_BASE_URL) and the model's name",
    TOO_MANY_REQUESTS: "the endpoint limits requests or the quota is used up",
}


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class OpenAICompatibleEmbedder:
    """Embedder that asks an OpenAI-compatible endpoint over HTTP.

    `dimensions` is what the vectors must have; they are refused otherwise, so it is asked for and
    never guessed. It is sent to the endpoint only with `request_dimensions=True`, because most
    models cannot shorten their vectors and refuse the field. The endpoint's identity is the
    model's name: two servers that serve one model under one name are taken to agree.

    A connection is opened for each call of `embed` and closed with it, so there is nothing to
    close; the batches of one call share it. Texts leave the machine: that is the point of it.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        dimensions: int,
        api_key: str | None = None,
        request_dimensions: bool = False,
        batch_texts_max: int = 256,
        timeout_seconds: float = 30.0,
    ) -> None:
        violations = []
        if not base_url.startswith(("http://", "https://")):
            violations.append("base_url must begin with http:// or https://")
        if not model:
            violations.append("model must name a model")
        if dimensions < 1:
            violations.append("dimensions must be at least 1")
        if batch_texts_max < 1:
            violations.append("batch_texts_max must be at least 1")
        if not 0 < timeout_seconds < math.inf:
            violations.append("timeout_seconds must be a positive number")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            violations.append("api_key must be printable ASCII without line ends")
        if violations:
            raise InvalidRequest(*violations)
        self._url = base_url.rstrip("/") + "/embeddings"
        self._model = model
        self._dimensions = dimensions
        self._request_dimensions = request_dimensions
        self._batch_texts_max = batch_texts_max
        self._timeout_seconds = timeout_seconds
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    @property
    def identity(self) -> str:
        """`openai-compatible:<model>@<dimensions>`; holds neither the URL nor the key."""
        return f"openai-compatible:{self._model}@{self._dimensions}"

    @property
    def dimensions(self) -> int:
        """Length of the vectors, as given."""
        return self._dimensions

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[len(texts), dimensions] unit rows.

        Raises:
            EmbedderUnavailable: the endpoint cannot be reached, refuses, or answers with
                something else than one finite, non-zero vector of the right length for each text.
        """
        vectors = np.empty((len(texts), self._dimensions), np.float32)
        if not texts:
            return vectors
        async with httpx2.AsyncClient(
            timeout=self._timeout_seconds, headers=self._headers
        ) as client:
            for start in range(0, len(texts), self._batch_texts_max):
                batch = texts[start : start + self._batch_texts_max]
                answer = await self._ask(client, batch)
                vectors[start : start + len(batch)] = self._rows(answer, len(batch))
        return vectors

    async def _ask(self, client: httpx2.AsyncClient, texts: Sequence[str]) -> bytes:
        body: dict[str, object] = {
            "model": self._model,
            # A lone surrogate has no UTF-8; an empty input is refused by most endpoints.
            "input": [t.encode("utf-8", "replace").decode() or " " for t in texts],
            "encoding_format": "float",
        }
        if self._request_dimensions:
            body["dimensions"] = self._dimensions
        pauses = self._pauses()
        while True:
            retry_after = ""
            try:
                response = await client.post(self._url, json=body)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                reason = f"no answer from {self._url} ({type(error).__name__}: {error})"
                failure = self._failed(f"{reason}; check the base URL (OPENAI_BASE_URL)")
                failure.__cause__ = error
            else:
                if response.is_success:
                    return response.content
                failure = self._refused(response.status_code)
                if response.status_code != TOO_MANY_REQUESTS and not response.is_server_error:
                    raise failure
                retry_after = response.headers.get("Retry-After", "")
            pause = next(pauses, None)
            asked = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
            if pause is None or asked > PAUSE_SECONDS_MAX:
                raise failure
            await anyio.sleep(max(pause, asked))

    def _pauses(self) -> Iterator[float]:
        for retry in range(ATTEMPTS_MAX - 1):
            yield FIRST_PAUSE_SECONDS * 2.0**retry

    def _rows(self, content: bytes, count: int) -> NDArray[np.float32]:
        try:
            items = json_decoder(_Answer).decode(content).data
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._failed(f"{self._url} did not answer with embeddings ({error})") from error
        if sorted(item.index for item in items) != list(range(count)):
            raise self._failed(f"{self._url} answered {len(items)} vectors for {count} texts")
        lengths = {len(item.embedding) for item in items} - {self._dimensions}
        if lengths:
            raise self._failed(
                f"its vectors have {lengths.pop()} dimensions, not {self._dimensions}; "
                "name the right number with the model"
            )
        rows = np.array([i.embedding for i in sorted(items, key=lambda item: item.index)])
        with np.errstate(over="ignore"):  # seen on the next line
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
        if not (np.isfinite(norms).all() and norms.all()):
            raise self._failed(f"{self._url} answered a vector without a direction")
        unit: NDArray[np.float32] = (rows / norms).astype(np.float32)
        return unit

    def _refused(self, status: int) -> EmbedderUnavailable:
        remedy = REMEDIES.get(status, "look at the endpoint's own messages")
        return self._failed(f"{self._url} answered status {status}; {remedy}")

    def _failed(self, reason: str) -> EmbedderUnavailable:
        return EmbedderUnavailable(self.identity, reason)
