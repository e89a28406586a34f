"""What a worker says of itself: to probes, and in its log."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections import Counter

from tests.worker.tree import Tree


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def complaints(tree: Tree) -> Counter[tuple[str, str]]:
    """How often each process said that it cannot do a thing, less how often it said that it can again."""
    said: Counter[tuple[str, str]] = Counter()
    for line in map(json.loads, tree.said.splitlines()):
        what, _, tries = line["message"].partition(",")
        if "trying again" in tries:
            said[line["worker"], what] += 1
        elif can := re.search(r"is back after .*: can (.+) again", line["message"]):
            said[line["worker"], f"cannot {can[1]}"] -= 1
    return said
