"""A scene as a page: the picture and a table of what was listed, in one file without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.picture.drawing import drawn
from engram.picture.lettering import escaped
from engram.picture.style import PAPER, QUIET, TEXT

if TYPE_CHECKING:
    from engram.picture.scene import Scene


def page_of(scene: Scene) -> str:
    """Return a whole HTML page; it asks no server for anything, and runs nothing."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escaped(scene.title)}</title>\n<style>{_style()}</style>\n</head>\n<body>\n"
        f"<main>\n<figure>\n{drawn(scene)}</figure>\n{_table(scene)}</main>\n</body>\n</html>\n"
    )


def _style() -> str:
    rules = []
    for which in (0, 1):
        found = (
            f"body{{background:{PAPER[which]};color:{TEXT[which]}}}"
            f"th{{color:{QUIET[which]}}}td,th{{border-color:{QUIET[which]}}}"
        )
        rules.append(f"@media (prefers-color-scheme:dark){{{found}}}" if which else found)
    return (
        "body{margin:0;font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
        "main{max-width:110rem;margin:0 auto;padding:1rem}figure{margin:0;overflow-x:auto}"
        "table{border-collapse:collapse;margin:1.5rem}"
        "td,th{border-bottom:1px solid;padding:.35rem .8rem .35rem 0;text-align:left;"
        "vertical-align:top}td:nth-child(-n+3){font-variant-numeric:tabular-nums}" + "".join(rules)
    )


def _table(scene: Scene) -> str:
    if not scene.rows:
        return ""
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in scene.head)
    rows = "\n".join(
        "<tr>" + "".join(f'<td dir="auto">{escaped(cell)}</td>' for cell in row.cells) + "</tr>"
        for row in scene.rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n"
