"""The code in a Markdown page: its fenced blocks, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

_FENCE: Final = re.compile(r"^```(?P<language>[a-z]*)(?: +title=\"(?P<title>[^\"]+)\")? *$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        language: the first word behind the fence.
        title: `title="…"` behind it: the file that the block is, or the terminal it goes on in; "" for none.
        text: what is between the fences.
        where: page and line of its first line, for messages.
    """

    language: str
    title: str
    text: str
    where: str
    line: int


def pages() -> list[Path]:
    """Every page whose code has to work: the README and the documentation, without the decisions."""
    docs = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", *(page for page in docs if page.parent.name != "decisions")]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order.

    Raises:
        ValueError: a fence is not closed, is indented, or says what nobody here understands.
    """
    found: list[Block] = []
    name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
    fence: re.Match[str] | None = None
    begun, lines = 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if fence is None:
            if line.lstrip().startswith("```"):
                fence, begun, lines = _FENCE.match(line), number + 1, []
                if fence is None:
                    raise ValueError(f'{name}:{number} opens with {line!r}; write ```language or ```language title="…"')
        elif line.rstrip() == "```":
            text = "\n".join(lines) + "\n"
            found.append(Block(fence["language"], fence["title"] or "", text, f"{name}:{begun}", begun))
            fence = None
        else:
            lines.append(line)
    if fence is not None:
        raise ValueError(f"{name}:{begun} is never closed")
    return found
