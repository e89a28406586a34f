"""What has been answered: a table for each question and store, each from the last time that it was asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.compare.libraries import STORES
from benchmarks.compare.questions import QUESTIONS
from benchmarks.compare.report import Table, from_json


class Kept:
    """The tables in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tables(self) -> Sequence[Table]:
        """All of them: by question, then by store."""
        if not self._path.exists():
            return []
        found = [from_json(each) for each in json.loads(self._path.read_text("utf-8"))]
        order = [each.name for each in QUESTIONS]
        tables = [each for each in found if each is not None]
        return sorted(tables, key=lambda table: (order.index(table.question.name), (*STORES, "").index(table.store)))

    def with_others(self, table: Table) -> Table:
        """This table, and in it the kept answers of libraries that were not asked this time."""
        older = next((each for each in self.tables() if _place(each) == _place(table)), None)
        if older is None or older.cells.keys() <= table.cells.keys():
            return table
        return replace(
            table,
            cells={**older.cells, **table.cells},
            versions={**older.versions, **table.versions},
            others=max(older.others, table.others),
            took=older.took + table.took,
        )

    def replace(self, table: Table) -> None:
        """Put this one where the older one of its question and store is, and leave all others."""
        others = [each for each in self.tables() if (each.question.name, each.store) != _place(table)]
        tables = sorted([*others, table], key=_place)
        lines = [json.dumps(each.as_json()) for each in tables]
        written = self._path.with_suffix(".new")
        # A table a line, so that a change shows as a change of that table; renamed, so that no half of it is left.
        written.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")
        written.replace(self._path)


def _place(table: Table) -> tuple[str, str]:
    return table.question.name, table.store
