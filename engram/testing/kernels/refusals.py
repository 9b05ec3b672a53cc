"""What a kernel refuses, it refuses by name."""

from __future__ import annotations

from collections.abc import Callable

from engram.model.errors import InvalidRequest, check


def check_refused(
    argument: str, kernel: Callable[..., object], *positional: object, **named: object
) -> None:
    """Check that a call is refused with an InvalidRequest that names the argument at fault."""
    try:
        kernel(*positional, **named)
    except InvalidRequest as error:
        check(argument in str(error), f"the refusal names {argument}")
    else:
        check(condition=False, sentence=f"a wrong {argument} is refused")
