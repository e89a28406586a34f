"""Figures as people read them: on a terminal, in RESULTS.md; and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.kit.figures import Figure

_HEAD: Final = ("figure", "median", "spread", "bar", "verdict")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one benchmark."""

    name: str
    question: str
    figures: tuple[Figure, ...]
    others: float
    """The part of the machine that other processes used meanwhile."""
    seconds: float
    failure: str | None = None
    """Why there are no figures."""


def as_text(answer: Answer) -> str:
    """For a terminal."""
    lines = [f"{answer.name}: {answer.question}"]
    if answer.failure is not None:
        lines.append(f"  FAILED: {answer.failure}")
    table = [_row(figure) for figure in answer.figures]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)] if table else []
    lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in table]
    lines.append(f"  took {answer.seconds:.0f} s; others used {answer.others:.0%} of the machine")
    return "\n".join(lines)


def as_markdown(answer: Answer) -> str:
    """For RESULTS.md, below a heading."""
    if answer.failure is not None:
        return f"{answer.question}\n\nFailed: {answer.failure}"
    table = [_markdown_row(_HEAD), _markdown_row(["---"] * len(_HEAD)), *map(_markdown_row, map(_row, answer.figures))]
    return "\n".join([answer.question, "", *table, "", f"Others used {answer.others:.0%} of the machine meanwhile."])


def as_json(machine: Mapping[str, str], answers: Sequence[Answer]) -> dict[str, Any]:
    """For programs."""
    return {
        **machine,
        "benchmarks": [
            {
                "name": answer.name,
                "failure": answer.failure,
                "seconds": answer.seconds,
                "others": answer.others,
                "figures": [
                    {
                        "what": figure.what,
                        "unit": figure.unit,
                        "median": figure.median,
                        "rounds": figure.rounds,
                        "at_least": figure.at_least,
                        "at_most": figure.at_most,
                        "verdict": figure.verdict,
                    }
                    for figure in answer.figures
                ],
            }
            for answer in answers
        ],
    }


def _row(figure: Figure) -> tuple[str, ...]:
    spread = f"{_number(min(figure.rounds))} to {_number(max(figure.rounds))}" if len(figure.rounds) > 1 else ""
    bar = ""
    if figure.at_least is not None:
        bar = f"at least {_number(figure.at_least)}"
    elif figure.at_most is not None:
        bar = f"at most {_number(figure.at_most)}"
    return figure.what, f"{_number(figure.median)} {figure.unit}".rstrip(), spread, bar, figure.verdict or ""


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
