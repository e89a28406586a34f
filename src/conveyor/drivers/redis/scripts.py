"""The Lua of the driver, read from its files once, when the driver is imported."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent / "lua"

_ALLOW_OOM: Final = "#!lua flags=allow-oom\n"
"""For what ends jobs and so makes room: it must work on a server that is full. Redis 7 and Valkey know the line."""

_MAKES_ROOM: Final = frozenset(
    {
        "acquire_lock",
        "add_metrics",
        "beat",
        "cancel",
        "change_lock",
        "claim",
        "claim_few",
        "clear",
        "extend",
        "forget",
        "lapsed",
        "leave",
        "look",
    }
    | {"pause", "resume", "set_apart", "settle", "tend", "write_progress", "acknowledge", "discard"}
)


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its text, and the hash by which the server knows it."""

    name: str
    text: bytes
    sha: bytes


def _code(file: Path) -> str:
    """The code alone: comments would be sent and hashed with it."""
    lines = (line.partition(" -- ")[0].rstrip() for line in file.read_text("utf-8").splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.lstrip().startswith("--"))


_DEFINITION: Final = re.compile(r"local (?:function (\w+)|([\w, ]+))")
_WORD: Final = re.compile(r"\w+")


def _definitions(shared: str) -> list[tuple[frozenset[str], str]]:
    """What the shared files define, one after the other: the names, and the code."""
    parts = re.split(r"^(?=local )", shared, flags=re.MULTILINE)[1:]
    found: list[tuple[frozenset[str], str]] = []
    for part in parts:
        match = _DEFINITION.match(part)
        names = _WORD.findall(match[1] or match[2]) if match else []
        found.append((frozenset(names), part))
    return found


def _with_what_it_uses(code: str, definitions: list[tuple[frozenset[str], str]]) -> str:
    """The code behind those definitions that it uses: each costs the server time, whenever a script is run."""
    used = set(_WORD.findall(code))
    needed: list[str] = []
    # Backwards, for a definition uses only what stands before it.
    for names, part in reversed(definitions):
        if names & used:
            used.update(_WORD.findall(part))
            needed.append(part)
    return "".join(reversed(needed)) + code


def _script(name: str, head: str) -> Script:
    text = (head + _with_what_it_uses(_code(_HERE / f"{name}.lua"), _SHARED)).encode()
    # By this hash the server names scripts; it protects nothing.
    return Script(name, text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


SHARED: Final = ("store", "records", "places", "order", "running", "pushing", "letters")
"""The files of what several scripts use. Each uses only what stands before it, in its own file or in an earlier one."""

_SHARED: Final = _definitions("".join(_code(_HERE / "shared" / f"{name}.lua") for name in SHARED))

NAMES: Final = tuple(sorted(file.stem for file in _HERE.glob("*.lua")))

PLAIN: Final = {name: _script(name, "") for name in NAMES}
"""Each script by the name of its file, as servers before Redis 7 want it."""

FLAGGED: Final = {name: _script(name, _ALLOW_OOM) if name in _MAKES_ROOM else PLAIN[name] for name in NAMES}
