"""`python -m benches.locomo --data FILE`: what recall finds of the evidence, beside baselines.

Every turn is one memory ("<speaker>: <text>") in its session, at its time; every question is asked
as it stands. Shown is recall_at_10, the share of a question's evidence among the first ten.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

from benches.locomo.ablation import ablations, ablations_linked
from benches.locomo.answers import Asked, remembered
from benches.locomo.baselines import combined, compare, ranked
from benches.locomo.calibration import (
    EMBEDDERS,
    Judgement,
    by_way,
    calibration,
    fitted,
    judgements,
    left_out,
)
from benches.locomo.choosing import chosen_without
from benches.locomo.conversations import Conversation
from benches.locomo.embedding import OnceEmbedder
from benches.locomo.loading import load
from benches.locomo.measures import (
    Scores,
    categories_of,
    gain,
    interval,
    recall_at,
)
from engram.adapters.embedders.loading import load_embedder
from engram.model.relevance import relevance
from engram.ports import Embedder

_console: Final = Console(width=None if sys.stdout.isatty() else 150)
_OURS: Final = "engram"
_UNASSOCIATED: Final = "engram, similarity"
_CONVERSATIONS_MIN: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.locomo", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="files of LoCoMo or FriendsQA"
    )
    parser.add_argument("--embedder", choices=["static", "minilm"], default="static")
    parser.add_argument("--ablation", action="store_true", help="show what each stage adds")
    parser.add_argument(
        "--leave-one-out",
        action="store_true",
        help="choose the weights for each conversation on the others",
    )
    parser.add_argument(
        "--calibration",
        action="store_true",
        help="compare stated relevance with what was evidence, with every embedder, and fit it",
    )
    parser.add_argument(
        "--beside", type=Path, nargs="+", help="files of another kind, to calibrate on as well"
    )
    options = parser.parse_args(arguments)
    conversations = [each for path in options.data for each in load(path)]
    if options.leave_one_out and len(conversations) < _CONVERSATIONS_MIN:
        parser.error("--leave-one-out needs two conversations or more")
    if options.calibration:
        anyio.run(_calibrate, options, conversations)
        return 0
    anyio.run(_measure, options, conversations)
    return 0


async def _measure(options: argparse.Namespace, conversations: Sequence[Conversation]) -> None:
    embedder = OnceEmbedder(load_embedder(options.embedder))
    systems = await _baselines(conversations, embedder)
    with tempfile.TemporaryDirectory(prefix="engram-locomo-") as place:
        async with remembered(conversations, embedder, Path(place) / "store") as asked:
            steps = await ablations(asked, embedder) if options.ablation else {}
            for each in asked:
                await each.space.wait_linked()
            systems[_UNASSOCIATED] = recall_at(
                conversations, [await each.answers("similarity") for each in asked]
            )
            systems[_OURS] = recall_at(conversations, [await each.answers() for each in asked])
            _show(f"recall_at_10, embedder {options.embedder}", systems, _OURS)
            if options.ablation:
                steps |= await ablations_linked(asked)
                _show("what each stage adds", steps, None)
                _show_gains("spreading off and on", systems[_UNASSOCIATED], systems[_OURS])
            if options.leave_one_out:
                await _show_left_out(asked, systems[_OURS])


async def _baselines(
    conversations: Sequence[Conversation], embedder: Embedder
) -> dict[str, Scores]:
    compared = [await compare(conversation, embedder) for conversation in conversations]
    rankings = {
        "BM25 1.2, 0.75": [ranked(each.words) for each in compared],
        "cosine": [ranked(each.cosines) for each in compared],
        "both, 0.5 / 0.5": [ranked(combined(each)) for each in compared],
    }
    return {name: recall_at(conversations, each) for name, each in rankings.items()}


def _show(title: str, systems: dict[str, Scores], reference: str | None) -> None:
    """Print one row a system: all, the difference to `reference` or the row before, categories."""
    names = list(systems)
    table = Table(title=title)
    table.add_column("system", min_width=22)
    compared = "than before" if reference is None else f"than {reference}"
    for name in ("1 to 4 (95 %)", f"more {compared} (95 %)"):
        table.add_column(name, justify="right")
    first = systems[names[0]]
    for number, name in categories_of(first):
        table.add_column(f"{name} {len(first.of_category(number))}", justify="right")
    for before, name in zip((names[0], *names), names, strict=False):
        scores = systems[name]
        whole, more = interval(scores.headline), gain(scores, systems[reference or before])
        table.add_row(
            name,
            f"{whole.mean:.3f} ({whole.low:.3f} to {whole.high:.3f})",
            f"{more.mean:+.3f} ({more.low:+.3f} to {more.high:+.3f})",
            *(f"{scores.of_category(n).mean():.3f}" for n, _ in categories_of(scores)),
        )
    _console.print(table)


def _show_gains(title: str, off: Scores, on: Scores) -> None:
    """Print by category what two systems find, and how much more the second one does."""
    table = Table(title=title)
    for name in ("questions", "off", "on", "more (95 %)"):
        table.add_column(name, justify="right")
    kinds = [(None, "1 to 4"), *categories_of(on)]
    for number, name in kinds:
        before, after = (
            scores.headline if number is None else scores.of_category(number)
            for scores in (off, on)
        )
        more = gain(on, off, number)
        table.add_row(
            f"{name} {len(after)}",
            f"{before.mean():.3f}",
            f"{after.mean():.3f}",
            f"{more.mean:+.3f} ({more.low:+.3f} to {more.high:+.3f})",
        )
    _console.print(table)


async def _show_left_out(asked: Sequence[Asked], ours: Scores) -> None:
    table = Table(title="weights chosen on the other conversations")
    for name in ("conversation", "weights", "recall_at_10", "with the defaults"):
        table.add_column(name)
    total, questions = 0.0, 0
    for number, (weights, scores) in enumerate(await chosen_without(asked)):
        values = scores.headline_of(number)
        total, questions = total + float(values.sum()), questions + len(values)
        table.add_row(
            asked[number].conversation.name,
            weights,
            f"{values.mean():.3f}",
            f"{ours.headline_of(number).mean():.3f}",
        )
    table.add_row("all", "", f"{total / questions:.3f}", f"{ours.headline.mean():.3f}")
    _console.print(table)


async def _calibrate(options: argparse.Namespace, conversations: Sequence[Conversation]) -> None:
    kinds = {"data": await _judged(conversations)}
    if options.beside:
        kinds["beside"] = await _judged([each for path in options.beside for each in load(path)])
    for name, judged in kinds.items():
        said = {"fitted on the other conversations": left_out(judged)}
        if others := [each for other, each in kinds.items() if other != name]:
            weights = fitted(*others)
            said["fitted on the other kind"] = [relevance(one.grounds, weights) for one in judged]
        _show_calibration(name, judged, said)
    for name, weights in {n: fitted(each) for n, each in kinds.items()}.items():
        _console.print(f"fitted on {name}: {weights}")
    _console.print(f"fitted on all: {fitted(*kinds.values())}")


async def _judged(conversations: Sequence[Conversation]) -> list[Judgement]:
    judged: list[Judgement] = []
    for embedder in EMBEDDERS:
        with tempfile.TemporaryDirectory(prefix="engram-locomo-") as place:
            judged += await judgements(conversations, embedder, Path(place) / "store")
    return judged


def _show_calibration(
    title: str, judged: Sequence[Judgement], fits: dict[str, list[float]]
) -> None:
    """Print how well what was stated of memories agrees with what they were."""
    said = fits | {
        "relevance": [relevance(each.grounds) for each in judged],
        "confidence": [each.confidence for each in judged],
    }
    table = Table(title=title)
    table.add_column("recalled with")
    for name in ("stated", "expected error", "Brier", "right above wrong", "right"):
        table.add_column(name, justify="right")
    for way, places in by_way(judged):
        some = [judged[place] for place in places]
        right = sum(each.is_right for each in some) / len(some)
        for name, stated in said.items():
            found = calibration([stated[place] for place in places], some)
            table.add_row(
                f"{way}: {found.size:,}",
                name,
                f"{found.error:.3f}",
                f"{found.brier:.4f}",
                f"{found.order:.3f}",
                f"{right:.3f}",
            )
    _console.print(table)


if __name__ == "__main__":
    sys.exit(main())
