"""How things look, in the light and in the dark: colours told apart by more than their hue.

Texts have a contrast of at least 4.5 to what is behind them (WCAG 2.2, 1.4.3), lines of at least 3
(1.4.11); kinds of lines differ in their dashes as well.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Ink(NamedTuple):
    """The colours of a box, in the light and in the dark: fill, border, text."""

    light: tuple[str, str, str]
    dark: tuple[str, str, str]


class Stroke(NamedTuple):
    """How a line looks: colours in the light and in the dark, and its dashes."""

    light: str
    dark: str
    dashes: str = ""


PAPER: Final = ("#ffffff", "#0d1117")
TEXT: Final = ("#1f2328", "#e6edf3")
QUIET: Final = ("#57606a", "#9da7b3")

LOOKS: Final[dict[str, Ink]] = {
    "cue": Ink(("#24292f", "#24292f", "#ffffff"), ("#e6edf3", "#e6edf3", "#0d1117")),
    "vivid": Ink(("#ddf4ff", "#0969da", "#1f2328"), ("#0c2135", "#4493f8", "#e6edf3")),
    "associated": Ink(("#fff1e5", "#bc4c00", "#1f2328"), ("#2e1a0a", "#f0883e", "#e6edf3")),
    "reconstructed": Ink(("#fbefff", "#8250df", "#1f2328"), ("#241a35", "#ab7df8", "#e6edf3")),
    "passed": Ink(("#f6f8fa", "#6e7781", "#57606a"), ("#161b22", "#768390", "#9da7b3")),
    "note": Ink(("#f6f8fa", "#6e7781", "#57606a"), ("#161b22", "#768390", "#9da7b3")),
    "concept": Ink(("#dafbe1", "#1a7f37", "#116329"), ("#0b2415", "#3fb950", "#7ee787")),
}

STROKES: Final[dict[str, Stroke]] = {
    "cue": Stroke("#768390", "#768390", "1 5"),
    "semantic": Stroke("#0969da", "#4493f8"),
    "causal": Stroke("#cf222e", "#ff7b72"),
    "temporal": Stroke("#57606a", "#9da7b3", "7 4"),
    "hierarchical": Stroke("#8250df", "#ab7df8", "12 3"),
    "compositional": Stroke("#8250df", "#ab7df8", "3 3"),
    "spatial": Stroke("#1a7f37", "#3fb950", "9 3 2 3"),
    "emotional": Stroke("#bf3989", "#f778ba", "2 4"),
    "mentions": Stroke("#1a7f37", "#3fb950", "4 3"),
    "derived": Stroke("#bc4c00", "#f0883e", "12 4 2 4"),
}
OTHER: Final = Stroke("#57606a", "#9da7b3")


def rules() -> str:
    """Return the style sheet of a picture, which holds within it alone."""
    light, dark = _rules(0), _rules(1)
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _rules(which: int) -> str:
    found = {
        ".paper": f"fill:{PAPER[which]}",
        ".head,.name": f"fill:{TEXT[which]}",
        ".quiet": f"fill:{QUIET[which]}",
        ".halo": f"stroke:{PAPER[which]}",
    }
    for look, ink in LOOKS.items():
        fill, border, text = ink[1] if which else ink[0]
        found[f".{look} rect"] = f"fill:{fill};stroke:{border}"
        found[f".{look} circle"] = f"fill:{border}"
        found[f".{look} text"] = f"fill:{text}"
    for kind, stroke in [*STROKES.items(), ("other", OTHER)]:
        colour = stroke.dark if which else stroke.light
        found[f".k-{kind}"] = f"stroke:{colour}"
        found[f".e-{kind}"] = f"fill:{colour}"
    return "".join(
        ",".join(f".engram-picture {part}" for part in names.split(",")) + f"{{{style}}}"
        for names, style in found.items()
    )
