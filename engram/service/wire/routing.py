"""Which memory space a request is about: decided here for every front end that names it twice."""

from __future__ import annotations

from engram.model.ids import check_space_id


def first_named(*names: str | None) -> str | None:
    """Return the first space that is named; None when none is.

    `names` come in the order of precedence. All of them are checked: what is named beside another
    is a mistake, too, when it is no id. Raises InvalidRequest; an invalid id never becomes another.
    """
    named = [each for each in names if each is not None]
    for each in named:
        check_space_id(each)
    return named[0] if named else None
