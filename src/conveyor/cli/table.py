"""A table: drawn by rich on a terminal, in plain aligned columns everywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from conveyor.cli.output import on_terminal, one_line, put

if TYPE_CHECKING:
    from rich.table import Table as RichTable

EMPTY: Final = "-"
"""Stands for nothing, so that every row has as many words as the header (`awk '{print $3}'`)."""

_TEXT: Final = 8
_WORDS: Final = 12
"""How far a terminal that is too narrow cuts cells short, in characters."""
_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        title: the header; one word.
        kind: "text"; "number" (to the right); "name" (bold) and "id", which are never cut short; or "words" for cells
            with blanks, best in the last column.
        spare: on a terminal, leave it out when it says nothing but 0 and "-".
        minor: leave it out on a terminal that is too narrow.
    """

    title: str
    kind: Literal["text", "number", "name", "id", "words"] = "text"
    spare: bool = False
    minor: bool = False


@dataclass(slots=True)
class Table:
    """Rows of cells under columns; `styles` colours whole rows on a terminal."""

    columns: Sequence[Column]
    rows: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])
    styles: list[str] = field(default_factory=list[str])

    def add(self, *cells: object, style: str = "") -> None:
        """A row, with a cell for each column. `None` and "" become "-"."""
        self.rows.append(cells)
        self.styles.append(style)


def plain(table: Table) -> str:
    """The table as text, every column as wide as its widest cell, the last one as it comes."""
    lines = [[column.title.upper() for column in table.columns], *([_cell(cell) for cell in row] for row in table.rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(table.columns))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column.kind == "number" else cell.ljust(width)
            for cell, width, column in zip(line, widths, table.columns, strict=True)
        ).rstrip()
        for line in lines
    )


def drawn(table: Table, width: int) -> RichTable:
    """The table for rich, in `width` characters if it can be, without the spare columns that say nothing.

    rich would cut all columns short alike, ids too; here it is the words first, then long texts.
    """
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = [
        index for index, column in enumerate(table.columns) if not (column.spare and _says(table, index, EMPTY, "0"))
    ]
    if sum(_widths(table, shown, width)) + _GAP * (len(shown) - 1) > width:
        shown = [index for index in shown if not table.columns[index].minor]
    # With the blank that divides columns, two between one and the next.
    out = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for index, cells in zip(shown, _widths(table, shown, width), strict=True):
        column = table.columns[index]
        out.add_column(
            column.title,
            justify="right" if column.kind == "number" else "left",
            style="bold" if column.kind == "name" else "",
            # A row is a line: what does not fit is in `conveyor show`, and in a pipe.
            no_wrap=True,
            overflow="ellipsis",
            width=cells,
        )
    for row, style in zip(table.rows, table.styles, strict=True):
        # Text, never str: what jobs and errors say is not markup.
        out.add_row(*(Text(_cell(row[index], thousands=",")) for index in shown), style=style or None)
    return out


def show(table: Table) -> None:
    """Put the table out, as fits where it goes."""
    if not on_terminal():
        put(plain(table))
        return
    from rich.console import Console

    console = Console()
    out = drawn(table, console.width)
    # What is still too wide is for the terminal to wrap.
    needed = sum(column.width or 0 for column in out.columns) + _GAP * (len(out.columns) - 1)
    console.width = max(console.width, needed)
    console.print(out)


def _says(table: Table, index: int, *words: str) -> bool:
    """Whether a column says nothing but these."""
    return all(_cell(row[index]) in words for row in table.rows)


def _widths(table: Table, shown: list[int], width: int) -> list[int]:
    from rich.cells import cell_len

    widths = [
        max(cell_len(text) for text in (table.columns[index].title, *(_cell(row[index], ",") for row in table.rows)))
        for index in shown
    ]
    for kind, least in (("words", _WORDS), ("text", _TEXT)):
        for place, index in enumerate(shown):
            excess = sum(widths) + _GAP * (len(widths) - 1) - width
            if excess > 0 and table.columns[index].kind == kind:
                widths[place] = max(widths[place] - excess, min(widths[place], least))
    return widths


def _cell(cell: object, thousands: str = "") -> str:
    if isinstance(cell, int):
        return f"{cell:{thousands}}"
    return (one_line(str(cell)) if cell is not None else "") or EMPTY
