"""The page about HTTP lists what the server has; `python -m` of this module renews it."""

from __future__ import annotations

import re
from pathlib import Path

from engram.edges.http.app import ENDPOINTS
from engram.edges.http.description import endpoints_about
from engram.service.wire.refusals import STATUS, TITLES

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "http.md"
# Of the server itself, which has no error class for them.
OWN = {
    "INVALID_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "UPGRADE_REQUIRED": 426,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "UNAVAILABLE": 503,
}


def generated() -> dict[str, list[str]]:
    """Return the rows of each table by the name of its marker."""
    statuses = {kind.code: status for kind, status in STATUS.items()} | OWN
    listed = (*ENDPOINTS, *endpoints_about(ENDPOINTS, ""))
    codes = [f"| `{code}` | {statuses[code]} | {title} |" for code, title in TITLES.items()]
    endpoints = [f"| `{each.method} {each.path}` | {each.summary} |" for each in listed]
    return {
        "codes": ["| code | status | what |", "|---|---|---|", *codes],
        "endpoints": ["| method and path | what |", "|---|---|", *endpoints],
    }


def renewed(text: str) -> str:
    """Return the page with its tables as they are to be."""
    for name, rows in generated().items():
        before, marker, after = text.partition(f"<!-- {name} -->\n")
        rest = re.sub(r"\A(?:\|.*\n)*", "", after)
        text = "".join([before, marker, *(f"{row}\n" for row in rows), rest])
    return text


def test_the_page_lists_every_endpoint_and_every_code() -> None:
    """Nothing is missing from it, and it promises nothing that is not there."""
    text = PAGE.read_text("utf-8")
    assert renewed(text) == text
    assert text.count("| `GET /api/v1/memories/recall` |") == 1


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
