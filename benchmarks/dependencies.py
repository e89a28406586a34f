"""How many packages installing conveyor brings, with those that they bring."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import NO_BAR, Store


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    del effort  # counting takes no rounds
    found: set[str] = set()
    waiting = _required("conveyor")
    while waiting:
        found |= waiting
        waiting = set[str]().union(*map(_required, waiting)) - found
    at_most = store.bars.get("dependencies", NO_BAR).at_most
    return [Figure(what="packages that the core brings", unit="", rounds=(float(len(found)),), at_most=at_most)]


def _required(distribution: str) -> set[str]:
    requirements = map(Requirement, importlib.metadata.requires(distribution) or [])
    return {
        canonicalize_name(requirement.name)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
