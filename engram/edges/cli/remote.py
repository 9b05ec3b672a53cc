"""A server that has the store open: what commands ask it, since they cannot open the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from engram.edges.cli.machine import Running
    from engram.settings import Settings

_ANSWER_SECONDS_MAX: Final = 10.0
_THEIRS: Final = 500
_REFUSED: Final = 400
_UNKNOWN: Final = 401
_FORBIDDEN: Final = 403
_NO_SPACE: Final = "SpaceNotFound"


class Remote:
    """One server, asked on behalf of one command."""

    def __init__(self, server: Running, settings: Settings) -> None:
        self.url, self.grpc_url, self.pid = server.url, server.grpc_url, server.pid
        self._api_key = settings.api_key
        self._certificate = settings.tls_files and settings.tls_files[0]

    async def ask(self, path: str, **parameters: str | None) -> Any:
        """Return what a GET is answered with, as JSON; raises what `_asked` does."""
        return (await self._asked(path, parameters)).json()

    async def _asked(self, path: str, parameters: Mapping[str, str | None]) -> httpx2.Response:
        """Return the answer to a GET.

        Raises:
            RequestError: the server refuses, and says what for.
            Unavailable: it does not answer, breaks off, or cannot do it.
        """
        import httpx2  # noqa: PLC0415 - not needed for --help

        from engram.model.errors import Unavailable  # noqa: PLC0415 - as above
        from engram.service.wire.tls import trusting  # noqa: PLC0415 - as above

        # The server of this store shows what the settings name: that alone is trusted here.
        verify = trusting(self._certificate) if self.url.startswith("https:") else False
        headers = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        named = {name: value for name, value in parameters.items() if value is not None}
        try:
            async with httpx2.AsyncClient(
                base_url=self.url, timeout=_ANSWER_SECONDS_MAX, trust_env=False, verify=verify
            ) as client:
                answer = await client.get(path, params=named, headers=headers)
        except httpx2.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"the server at {self.url} does not answer: {reason}") from error
        if answer.status_code >= _REFUSED:
            raise _refusal(answer)
        return answer


def _refusal(answer: httpx2.Response) -> Exception:
    from engram.model.errors import (  # noqa: PLC0415 - rarely needed
        Forbidden,
        InvalidRequest,
        SpaceNotFound,
        Unauthorized,
        Unavailable,
    )

    problem = answer.json()
    said: str = problem["detail"]
    if answer.status_code == _UNKNOWN:
        return Unauthorized(f"{said}; a key goes in ENGRAM_API_KEY")
    if answer.status_code == _FORBIDDEN:
        return Forbidden(said)
    if problem.get("error") == _NO_SPACE:
        return SpaceNotFound(problem["facts"]["space"])
    if answer.status_code >= _THEIRS:
        return Unavailable(f"the server cannot do it: {said}")
    return InvalidRequest(said)
