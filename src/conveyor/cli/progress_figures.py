"""How far a job is, in one line."""

from __future__ import annotations

from conveyor.cli.output import one_line
from conveyor.cli.words import span
from conveyor.records import Progress


def progress_figures(progress: Progress, *, is_running: bool) -> str:
    """`14/60  23%  3.99/s  eta 12s  item 14`, or as much of it as is known; what has ended has no eta."""
    percentage, eta = progress.percentage, progress.eta
    parts = [f"{progress.current:g}"]
    if progress.total is not None:
        parts[0] += f"/{progress.total:g}"
    if percentage is not None:
        parts.append(f"{percentage:.0f}%")
    if progress.rate:
        parts.append(f"{progress.rate:.3g}/s")
    if eta and is_running:
        parts.append(f"eta {span(eta)}")
    if progress.message:
        parts.append(one_line(progress.message))
    return "  ".join(parts)
