"""The reference of public names as Markdown, from their signatures and docstrings."""

from __future__ import annotations

import ast
import enum
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

import conveyor
import conveyor.testing
from conveyor.integrations import blinker, commands

HOMES: Final = (conveyor, conveyor.testing, commands, blinker)
"""The modules that people import from; what is public in one is in its `__all__`."""

WIDTH: Final = 100

# What only conveyor itself makes: how it is made says nothing to a reader.
MADE_FOR_THEM: Final = {
    "JobType",
    "Job",
    "AsyncJob",
    "JobHandle",
    "CurrentJob",
    "JobTransaction",
    "Queue",
    "LeasedPayload",
    "Schedules",
    "Schedule",
    "PushedJob",
    "Run",
    "Alerts",
}

# Public for conveyor's other rooms, and of no use to a program.
INNER: Final = {
    "Alerts.rules",
    "Alerts.sinks_of",
    "Alerts.check",
    "Conveyor.prepare",
    "Conveyor.wrap_store",
    "History.store",
    "History.entries",
    "History.open_jobs",
    "History.last_open",
    "History.overdue",
    "History.prune_some",
    "Conveyor.aio",
    "Conveyor.is_rehearsed",
    "Conveyor.listeners",
    "Conveyor.rehearsed",
    "JobHandle.is_rehearsed",
    "CurrentJob.follow_ups",
    "JobPayload.options",
    "Schedules.check",
    "Schedules.declare",
    "Schedules.declared",
    "Schedules.prepare",
    "Schedules.problems",
    "Schedules.rule",
    "LeasedPayload.options",
}

# How a payload is read and written is a matter between JobType and the worker; an AsyncJob has the methods of a Job.
# What conditions and sinks have in common is told of Condition and Sink.
WITHOUT_METHODS: Final = {
    "JobType",
    "AsyncJob",
    "QueueDepth",
    "OldestWaiting",
    "FailureRate",
    "DeadLetterSize",
    "DeadLetterGrowth",
    "MissingWorkers",
    "StalledQueue",
    "SlowJobs",
    "LogSink",
    "WebhookSink",
    "EmailSink",
    "JobSink",
    "CallSink",
}

# What docstrings point to, and no page tells of by that name.
ELSEWHERE: Final = {"see `Delivery`": "see [the options of a payload](payloads.md)"}

_SECTION: Final = re.compile(r"^(Args|Raises|Attributes):$")
_ENTRY: Final = re.compile(r"^(?P<names>\w+(?:, \w+)*): (?P<text>.*)$", re.DOTALL)


def reference(name: str) -> str:
    """All there is to say about a public name."""
    thing = next(getattr(home, name) for home in HOMES if name in home.__all__)
    if isinstance(thing, type) and issubclass(thing, enum.Enum):
        parts = [_heading(name), *_prose(thing), *_members(thing), *_methods(thing)]
    elif isinstance(thing, type):
        if hasattr(thing, "__struct_fields__"):
            parts = [_heading(name), *_prose(thing), _fields(thing), *_methods(thing)]
        else:
            is_made = name not in MADE_FOR_THEM and not getattr(thing, "_is_protocol", False)
            made = [_signature(f"class {name}", thing)] if is_made else []
            parts = [_heading(name), *made, *_prose(thing), *_methods(thing)]
    elif callable(thing) and inspect.isfunction(thing):
        parts = [_heading(name), _signature(f"def {name}", thing), *_prose(thing)]
    else:
        parts = [_heading(name), _newtype(thing)]
    return "\n\n".join(parts)


def _heading(name: str) -> str:
    return f"## `{name}`"


def _newtype(thing: Any) -> str:
    """A NewType has no docstring of its own; the text below it in its module is meant."""
    home = inspect.getmodule(thing)
    assert home is not None
    (text,) = [text for name, text in _texts(ast.parse(inspect.getsource(home)).body) if name == thing.__name__]
    return text


def _members(kind: type[enum.Enum]) -> Iterator[str]:
    texts = dict(_texts(_class_body(kind)))
    yield "\n".join(
        f"- `{member.name}` (`{member.value!r}`){f': {_joined(texts[name])}' if (name := member.name) in texts else ''}"
        for member in kind
    )


def _fields(kind: type[Any]) -> str:
    """The fields of a record as its source has them, each with the text below it."""
    body = _class_body(kind)
    texts = dict(_texts(body))
    lines: list[str] = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            default = f" = {ast.unparse(node.value)}" if node.value is not None else ""
            text = f": {_joined(texts[name])}" if name in texts else ""
            lines.append(f"- `{name}: {ast.unparse(node.annotation)}{default}`{text}")
    return "Fields:\n\n" + "\n".join(lines)


def _methods(kind: type[Any]) -> Iterator[str]:
    if kind.__name__ in WITHOUT_METHODS:
        return
    for name, method in _own(kind):
        if f"{kind.__name__}.{name}" in INNER or not inspect.getdoc(method):
            continue
        title = f"### `{kind.__name__}.{name}`"
        if isinstance(method, property):
            assert method.fget is not None
            answers = inspect.signature(method.fget).return_annotation
            yield "\n\n".join([title, f"```py\n{name}: {answers}\n```", *_prose(method)])
            continue
        function: Callable[..., Any] = getattr(kind, name)
        is_bound = inspect.ismethod(function)
        head = "async def" if inspect.iscoroutinefunction(function) else "def"
        prefix = f"{kind.__name__}.{name}" if is_bound else name
        yield "\n\n".join([title, _signature(f"{head} {prefix}", function, skips_self=not is_bound), *_prose(function)])


def _own(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class, those of our base classes first, each where it was last defined."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("conveyor.") and not issubclass(base, BaseException):
            members: dict[str, Any] = dict(base.__dict__)
            for name, value in members.items():
                is_ours = inspect.isfunction(value) or type(value) in (property, classmethod)
                if is_ours and not name.startswith("_"):
                    found[name] = value
    yield from found.items()


# ── docstrings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _prose(thing: Any) -> list[str]:
    doc = inspect.getdoc(thing) or ""
    if isinstance(thing, type) and thing.__doc__ is None:
        doc = ""
    parts: list[str] = []
    lines = doc.splitlines()
    while lines:
        if (section := _SECTION.match(lines[0])) is not None:
            lines.pop(0)
            body: list[str] = []
            while lines and (not lines[0].strip() or lines[0].startswith(" ")):
                body.append(lines.pop(0))
            parts.append(_entries(section[1], textwrap.dedent("\n".join(body))))
        else:
            paragraph: list[str] = []
            while lines and not _SECTION.match(lines[0]):
                paragraph.append(lines.pop(0))
            parts.append("\n".join(paragraph).strip())
    for words, link in ELSEWHERE.items():
        parts = [part.replace(words, link) for part in parts]
    return [part for part in parts if part]


def _entries(section: str, body: str) -> str:
    entries: list[str] = []
    for line in body.splitlines():
        if line.startswith(" "):
            entries[-1] += f" {line.strip()}"
        elif line.strip():
            entries.append(line.strip())
    shown: list[str] = []
    for entry in entries:
        match = _ENTRY.match(entry)
        if match is None:
            shown.append(f"- {entry}")
        else:
            names = ", ".join(f"`{name}`" for name in match["names"].split(", "))
            shown.append(f"- {names}: {match['text']}")
    return f"{section}:\n\n" + "\n".join(shown)


def _texts(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Names that are given a value or a type, and the text below each."""
    for node, below in pairwise(body):
        target: ast.expr | None = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.Assign):
            target = node.targets[0]
        if not isinstance(target, ast.Name) or not isinstance(below, ast.Expr):
            continue
        if isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            yield target.id, inspect.cleandoc(below.value.value)


def _class_body(kind: type[Any]) -> list[ast.stmt]:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(node, ast.ClassDef)
    return node.body


def _joined(text: str) -> str:
    return " ".join(text.split())


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Written:
    """A default as it would be written."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _signature(head: str, thing: Callable[..., Any], *, skips_self: bool = False) -> str:
    try:
        signature = inspect.signature(thing)
    except ValueError:  # an exception that is made as any other
        signature = inspect.Signature()
    parameters = [
        parameter.replace(default=_default(parameter.default), annotation=_annotation(parameter.annotation))
        for parameter in signature.parameters.values()
    ]
    if skips_self and parameters and parameters[0].name == "self":
        del parameters[0]
    answers = "" if isinstance(thing, type) else _annotation(signature.return_annotation)
    ends = f" -> {answers!r}" if isinstance(answers, _Written) and repr(answers) else ""
    whole = str(inspect.Signature(parameters))
    line = f"{head}{whole}{ends}"
    if isinstance(thing, type) and whole == "()":
        line = head
    if len(line) > WIDTH:
        parts = _split(whole[1:-1])
        line = f"{head}(\n" + "".join(f"    {part},\n" for part in parts) + f"){ends}"
    return f"```py\n{line}\n```"


def _default(value: Any) -> Any:
    if inspect.isfunction(value):
        return _Written(value.__name__)
    if isinstance(value, enum.Enum):
        return _Written(f"{type(value).__name__}.{value.name}")
    return value


def _annotation(value: Any) -> Any:
    if value is inspect.Parameter.empty:
        return value
    return _Written(value if isinstance(value, str) else inspect.formatannotation(value))


def _split(text: str) -> list[str]:
    """Parameters between commas that are in no brackets."""
    parts, depth, begun = list[str](), 0, 0
    for at, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            parts.append(text[begun:at].strip())
            begun = at + 1
    return [*parts, text[begun:].strip()]
