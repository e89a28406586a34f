"""A Python session: `python session.py`, told blocks of code one a line as JSON; each knows the names of the last.

Run by the tests of the documentation, in a process of its own: pages define applications, workers and threads.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import io
import json
import linecache
import os
import sys
import traceback
import types
from typing import Any


def run(text: str, where: str, line: int, names: dict[str, Any], runner: asyncio.Runner) -> None:
    """Run a block. `await` may stand outside functions, as in `python -m asyncio`."""
    # Lines count as in the page, for tracebacks.
    source = "\n" * (line - 1) + text
    linecache.cache[where] = (len(source), None, source.splitlines(keepends=True), where)
    code = compile(source, where, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        runner.run(eval(code, names))
    else:
        exec(code, names)


def prompt(text: str, where: str, line: int, names: dict[str, Any]) -> None:
    """Run what is typed at `>>>`, and compare what it shows; `...` stands for anything.

    Raises:
        AssertionError: it shows something else.
    """
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.DocTestParser().get_doctest(text, names, where, where, line - 1)
    told = io.StringIO()
    results = doctest.DocTestRunner(optionflags=options, verbose=False).run(found, out=told.write, clear_globs=False)
    names.update(found.globs)
    if results.failed:
        raise AssertionError(told.getvalue())


def main() -> None:
    """Answer each block with a line: "" when it did what it says, else what went wrong."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    # What pages print is theirs; our answers have a way of their own.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.path.insert(0, "")
    # Where classes of the page look for the names in their annotations.
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    names = module.__dict__
    with asyncio.Runner() as runner:
        for message in sys.stdin:
            language, text, where, line = json.loads(message)
            trouble = ""
            try:
                if language == "pycon":
                    prompt(text, where, line, names)
                else:
                    run(text, where, line, names, runner)
            except BaseException:  # noqa: BLE001 - whatever it is, it is the page's fault and goes into the report
                trouble = traceback.format_exc()
            answers.write(json.dumps(trouble) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
