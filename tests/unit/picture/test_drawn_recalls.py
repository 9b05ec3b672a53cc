"""A recall is drawn whole: every memory, every step, one well-formed picture without scripts."""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

import msgspec
import pytest

import engram
from engram.model.explanation import PathStep
from engram.model.recall_result import RecallResult
from engram.model.recollection import QueryAnalysis
from engram.picture.drawing import drawn
from engram.picture.layout import laid_out
from engram.picture.scene import BOXES_MAX, Box, Line, Scene
from engram.picture.style import LOOKS, PAPER, QUIET, STROKES, TEXT
from engram.testing.recalls import recall_of_every_look

SVG: Final = "{http://www.w3.org/2000/svg}"
HOSTILE: Final = (
    "</title><script>alert('x')</script> & \"q\" ]]> \x00\x07\u202e\ud800 \N{GRINNING FACE}"
)


def many(count: int, content: str = "one of many memories that say much the same") -> RecallResult:
    """Return a recall of `count` memories, each reached from the one before it."""
    result = recall_of_every_look()
    first = result[1]
    hits = []
    for number in range(count):
        memory = msgspec.structs.replace(first.memory, id=f"m{number}", content=content)
        path = (PathStep(f"m{number - 1}"), PathStep(f"m{number}", None, "temporal", 0.5))
        hits.append(
            msgspec.structs.replace(
                first,
                memory=memory,
                path=path[: 2 * bool(number)],
                paths=(),
                score=1 / (1 + number),
            )
        )
    return msgspec.structs.replace(result, recollections=tuple(hits))


def lines_drawn(svg: str) -> int:
    root = ET.fromstring(svg)  # noqa: S314 - our own
    return sum(each.get("class") == "line" for each in root.iter(f"{SVG}g"))


def test_every_memory_and_every_step_of_every_way_is_drawn() -> None:
    result = recall_of_every_look()
    scene = result.show().scene
    assert {box.key for box in scene.boxes} == {
        "cue", "chain", "market", "ride", "uncle", "summary", "#Ben", "trip",
    }  # fmt: skip
    wanted = {
        (one, two, step.kind)
        for hit in result
        for way in hit.paths
        for one, two, step in zip(map(key, way), map(key, way[1:]), way[1:], strict=False)
    }
    found = {(line.source, line.target, line.kind) for line in scene.lines}
    back = {(line.target, line.source, line.kind) for line in scene.lines if line.is_mutual}
    assert wanted <= found | back
    assert lines_drawn(drawn(scene)) == len(scene.lines) == len(wanted) - len(back) + 2


def key(step: PathStep) -> str:
    return step.memory_id or f"#{step.label}"


def test_what_the_cue_found_stands_in_the_first_column_best_first() -> None:
    scene = recall_of_every_look().show().scene
    columns = [{box.key for box in scene.boxes if box.column == number} for number in range(4)]
    assert columns == [{"cue"}, {"chain", "market"}, {"ride", "#Ben", "trip"}, {"uncle", "summary"}]
    placed = {each.box.key: each for each in laid_out(scene, 0).boxes}
    assert placed["chain"].y < placed["market"].y
    assert placed["cue"].x < placed["chain"].x < placed["ride"].x < placed["uncle"].x


@pytest.mark.parametrize("count", [1, 2, 13, 59, 60, 200])
def test_no_box_lies_over_another_or_outside(count: int) -> None:
    result = many(count)
    scene = result.show().scene
    assert len(scene.boxes) == min(count + 1, BOXES_MAX)
    laid = laid_out(scene, 50)
    for number, one in enumerate(laid.boxes):
        assert one.x >= 0
        assert one.x + one.width <= laid.width
        assert 50 <= one.y <= one.y + one.height <= laid.height + 0.1
        for other in laid.boxes[:number]:
            apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart_x or one.y + one.height <= other.y or other.y + other.height <= one.y
    said = re.findall(r"(\d+) of them are not drawn", scene.summary)
    assert said == ([str(count + 1 - BOXES_MAX)] if count >= BOXES_MAX else [])


def test_hostile_texts_are_shown_and_do_nothing() -> None:
    result = msgspec.structs.replace(many(3, HOSTILE), cue=HOSTILE)
    picture = result.show()
    root = ET.fromstring(picture.svg)  # noqa: S314 - our own
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {
        "svg", "title", "desc", "style", "rect", "g", "path", "text", "circle",
    }  # fmt: skip
    assert any("<script>" in (each.text or "") for each in root.iter(f"{SVG}text"))
    assert "<script" not in picture.html
    picture.html.encode()
    assert not re.search("[\x00-\x08\u202a-\u202e]", picture.html)


def test_the_picture_asks_for_nothing_outside_and_says_what_it_shows() -> None:
    picture = recall_of_every_look().show()
    for text in (picture.svg, picture.html):
        outside = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|url\(|@import|<script|<link|<img|href|src=", outside)
    root = ET.fromstring(picture.svg)  # noqa: S314 - our own
    assert root.get("role") == "img"
    assert "who repaired the bicycle?" in str(root.get("aria-label"))
    described = root.findtext(f"{SVG}desc") or ""
    assert "Ben repaired the chain" in described
    assert "(causal)" in described
    assert picture.html.count("<tr>") == 6
    assert picture._repr_svg_() == picture.svg
    assert picture.svg in picture._repr_html_()
    assert all(each.strip().startswith(".engram-picture ") for each in selectors(str(root[2].text)))
    assert repr(picture).startswith("<Picture: Recall of")


def test_a_recall_that_found_nothing_says_why() -> None:
    asked = QueryAnalysis("hybrid", has_vector=True)
    empty = RecallResult((), {}, 0, 9, 1, "the filters removed all 9 memories", asked)
    scene = empty.show().scene
    assert scene.title == "Recall of an embedding"
    assert "the filters removed all 9 memories" in drawn(scene)
    assert scene.lines == ()
    assert "<table>" not in empty.show().html


def test_a_node_that_leads_nowhere_new_is_drawn_once() -> None:
    scene = Scene(
        "t", "s",
        (Box("a", 0, "cue", "a"), Box("b", 1, "vivid", "b", size=0.5), Box("c", 1, "concept", "c")),
        (Line("b", "c", "unheard of", 2.0), Line("c", "b", "mentions", 0.1, "x", is_mutual=True)),
    )  # fmt: skip
    assert lines_drawn(drawn(scene)) == 2
    assert drawn(scene) == drawn(scene)


def test_texts_and_lines_stand_out_from_what_is_behind_them() -> None:
    for which in (0, 1):
        for ink in LOOKS.values():
            fill, border, text = ink[which]
            assert contrast(fill, text) >= 4.5
            assert contrast(PAPER[which], border) >= 3
        for quiet in (TEXT, QUIET):
            assert contrast(PAPER[which], quiet[which]) >= 4.5
        for stroke in STROKES.values():
            assert contrast(PAPER[which], stroke[which]) >= 3


def contrast(one: str, other: str) -> float:
    """Return the contrast of WCAG 2.2."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_the_public_result_is_the_one_that_shows_itself() -> None:
    assert engram.RecallResult is RecallResult


def selectors(sheet: str) -> list[str]:
    """Return what the rules of a style sheet apply to."""
    plain = re.sub(r"@media [^{]*\{", "", sheet)
    found = re.findall(r"([^{}]+)\{", plain)
    assert found
    return [each for names in found for each in names.split(",")]
