"""RESULTS.md: a part for each store, in it one for each script. What is measured again takes the place of the older."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.kit.report import Answer, as_markdown

_HEAD: Final = """\
# Results

Written by `python -m benchmarks --store … --write`; [README](README.md) says what is measured.
"""


class Results:
    """The figures of all stores."""

    def __init__(self, text: str) -> None:
        self._stores: dict[str, tuple[str, dict[str, str]]] = {}
        for store, part in _parts("##", text).items():
            scripts = _parts("###", part)
            self._stores[store] = (part.partition("\n### ")[0].strip(), scripts)

    def replace(
        self, store: str, described: Mapping[str, str], answers: Sequence[Answer], order: Sequence[str]
    ) -> None:
        """Put these answers where older ones of the same scripts are."""
        _, scripts = self._stores.get(store, ("", {}))
        scripts |= {answer.name: as_markdown(answer) for answer in answers}
        facts = "\n".join(f"- {name}: {words}" for name, words in described.items())
        self._stores[store] = (facts, {name: scripts[name] for name in order if name in scripts})

    def text(self, order: Sequence[str]) -> str:
        """All of the file, the stores in this order."""
        parts = [_HEAD]
        for store in sorted(self._stores, key=[*order, *self._stores].index):
            facts, scripts = self._stores[store]
            parts.append(f"## {store}\n\n{facts}\n")
            parts += [f"### {name}\n\n{said}\n" for name, said in scripts.items()]
        return "\n".join(parts)


def _parts(marks: str, text: str) -> dict[str, str]:
    """What stands below each heading of this level."""
    _, *found = re.split(rf"^{marks} (.+)$", text, flags=re.MULTILINE)
    return {name: part.strip() for name, part in zip(found[::2], found[1::2], strict=True)}
