"""`python -m benches.serving.echo PORT BYTES`: reads each body and answers so many bytes."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def main(port: int, bytes_count: int) -> None:
    """Serve until told to stop."""
    answer = b"x" * bytes_count

    async def echo(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"])])
    uvicorn.run(app, port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
