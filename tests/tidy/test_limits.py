"""Every limit stands beside its value in words, its unit and its reason."""

from __future__ import annotations

import ast
import re

WORDS_MIN = 8


def unexplained(text: str) -> list[str]:
    """Return constants with no comment above them or their group and no docstring below."""
    lines = text.splitlines()
    body = ast.parse(text).body
    found = []
    for node, below in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        above = node.lineno - 2
        while above >= 0 and re.match(r"[A-Z_]+(: \S+)? = ", lines[above]):
            above -= 1
        said = ""
        while above >= 0 and lines[above].startswith("#"):
            said = lines[above].removeprefix("#") + said
            above -= 1
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            said += str(below.value.value)
        if len(said.split()) < WORDS_MIN:
            found.append(lines[node.lineno - 1].split()[0].rstrip(":"))
    return found


def test_every_limit_is_explained(texts: dict[str, str]) -> None:
    homes = [path for path in texts if path.startswith("engram/") and path.endswith("/limits.py")]
    assert "engram/model/limits.py" in homes
    assert {path: unexplained(texts[path]) for path in homes if unexplained(texts[path])} == {}


def test_an_unexplained_limit_is_noticed() -> None:
    reason = "3 apples: more do not fit a hand, as every shop knows."
    assert unexplained("A_MAX: Final = 3") == ["A_MAX"]
    assert unexplained("# the most there may be\nA_MAX: Final = 3") == ["A_MAX"]
    assert unexplained(f"# {reason}\nA_MAX: Final = 3\nB_MAX: Final = 3") == []
    assert unexplained(f"A_MAX = 3\n'{reason}'\nB_MAX = 3") == ["B_MAX"]
