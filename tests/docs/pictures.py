"""The pictures that the comparison with other libraries has drawn, for the page that shows them."""

from __future__ import annotations

from typing import Final

from tests.docs.blocks import ROOT

DIRECTORY: Final = ROOT / "docs" / "assets"

_STORES: Final = {"redis": "Redis", "postgres": "PostgreSQL", "sqlite": "SQLite"}

GROUPS: Final = {
    "drain": {"drain": "Sync jobs a second", "drain_async": "Async jobs a second"},
    "push": {"push": "Pushes a second, one by one", "push_many": "Pushes a second, 500 at a time"},
    "latency": {
        "latency": "Pick-up by an idle worker",
        "latency_loaded": "Pick-up under load",
    },
    "backlog": {"backlog": "Jobs a second by the number of jobs that wait"},
    "processes": {"processes": "Jobs a second by the number of processes"},
}
"""What is shown together: the questions, and what their pictures are of."""


def pictures(group: str) -> str:
    """Those of a group that are there, a question after the other."""
    shown = [
        f"![{what}, on {store}](../assets/{name})"
        for question, what in GROUPS[group].items()
        for kind, store in _STORES.items()
        if (DIRECTORY / (name := f"{question}-{kind}.svg")).exists()
    ]
    return "\n\n".join(shown) or "No run has answered this yet."
