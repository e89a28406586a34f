"""The demo's application: one job type, which reads one file. The demo's workers import it like any user's module."""

from __future__ import annotations

import ast
import tokenize
import warnings
from pathlib import Path
from typing import Final

import msgspec

from conveyor.app import Conveyor
from conveyor.retry import RetrySchedule
from conveyor.signals import GiveUp

QUEUE: Final = "files"
MOST_BYTES: Final = 16 * 1024 * 1024

app: Final = Conveyor()


class FileCount(msgspec.Struct, frozen=True):
    """What was found in one file."""

    bytes: int
    lines: int
    words: int
    functions: int
    """Of Python files; 0 in all others."""


# Short waits, for a demo that ends soon; and no `give_up_on=UnicodeDecodeError`, which a real job would have, because
# a file that is no text today is none in a second: here the second and third attempt are what there is to see.
@app.job("demo.read_file", queue=QUEUE, timeout=20, retry=RetrySchedule([0.5, 1]))
def read_file(path: str) -> FileCount:
    """Read a file as text, a Python file by its own encoding and grammar, and count what is in it.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not text.
        SyntaxError: it is not Python, though its name says so, or names an encoding that does not exist.
    """
    file = Path(path)
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise GiveUp(f"{size:,} bytes are more than the {MOST_BYTES:,} this demo reads")
    functions = 0
    if file.suffix == ".py":
        with tokenize.open(file) as source:
            text = source.read()
        with warnings.catch_warnings(action="ignore"):  # of the file's author, not of the demo's
            tree = ast.parse(text, path)
        functions = sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))
    else:
        text = file.read_text(encoding="utf-8")
    return FileCount(size, text.count("\n"), len(text.split()), functions)
