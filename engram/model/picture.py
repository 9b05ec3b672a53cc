"""A picture of an answer, as a notebook shows it and as a text for a file."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from engram.picture.drawing import drawn
from engram.picture.page import page_of

if TYPE_CHECKING:
    from engram.picture.scene import Scene


class Picture:
    """A drawn scene; drawn when it is looked at for the first time."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __repr__(self) -> str:
        """Return what is drawn."""
        return f"<Picture: {self.scene.title}>"

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG document."""
        return drawn(self.scene)

    @cached_property
    def html(self) -> str:
        """The picture and a table of what was recalled, as a page that needs no other file."""
        return page_of(self.scene)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the picture itself, which tells more of what one points at.

        Its style sheet holds within it alone.
        """
        return f'<div style="overflow-x:auto">{self.svg}</div>'

    def _repr_svg_(self) -> str:
        """Return what a notebook shows that takes no HTML."""
        return self.svg
