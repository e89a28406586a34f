"""Whether a program printed what a page shows, but for what differs each time: ids, moments, durations, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_ANSI: Final = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")
_RULE: Final = re.compile(r"[─━]+")

# What a page may show of one run stands for the same kind of thing in every other run.
_VARYING: Final = {
    "id": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
    "moment": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|\+00:00)?",
    "worker": r"[\w.-]+-\d+-[0-9a-f]{6}\b",
    "after": r"\b(?:after|in|took) \d+\.\d+ s\b",
    "span": r"\b(?:\d+(?:\.\d+)?(?:ms|[smhd])){1,2}\b",
    "size": r"\b\d+(?:\.\d+)?[KMG]iB\b",
    "any": r"\.\.\.",
}
_TOKEN: Final = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _VARYING.items()))
_ANY: Final = ".*?"


def plain(text: str) -> str:
    """What a terminal would show, with blanks and rules made as short as they can be."""
    lines = _ANSI.sub("", text).replace("\r\n", "\n").split("\n")
    # A carriage return goes back to the start of the line and writes over it.
    return "\n".join(" ".join(_RULE.sub("─", line.rpartition("\r")[2]).split()) for line in lines)


class Names:
    """The ids that a page shows, and the real ones that they stand for in this run."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def pattern(self, lines: Iterable[str]) -> str:
        """A regular expression for these lines of a page. A line `...` stands for any number of lines."""
        seen: set[str] = set()
        return "".join(_LINES if line.strip() == "..." else f"{self._line(line, seen)}\n" for line in lines)

    def learn(self, match: re.Match[str]) -> None:
        """From the match of a pattern: which id stands for which."""
        for name, real in match.groupdict().items():
            self._real[name.removeprefix("id").replace("_", "-")] = real

    def real(self, text: str) -> str:
        """`text` with the ids that this run has in place of the page's."""
        return re.sub(_VARYING["id"], lambda match: self._real.get(match[0], match[0]), text)

    def _line(self, line: str, seen: set[str]) -> str:
        parts: list[str] = []
        end = 0
        line = plain(line)
        for token in _TOKEN.finditer(line):
            parts.append(re.escape(line[end : token.start()]))
            parts.append(self._token(token, seen))
            end = token.end()
        return "".join(parts) + re.escape(line[end:])

    def _token(self, token: re.Match[str], seen: set[str]) -> str:
        kind = str(token.lastgroup)
        if kind == "any":
            return _ANY
        if kind != "id":
            return _VARYING[kind]
        id = token[0]
        if id in self._real:
            return re.escape(self._real[id])
        name = f"id{id.replace('-', '_')}"
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>{_VARYING['id']})"


_LINES: Final = r"(?:[^\n]*\n)*?"
