"""What goes out: data to stdout, talk to stderr, and nothing that could take over the terminal."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
import msgspec

from conveyor.errors import ConfigError


def say(text: str) -> None:
    """Talk: what was done, what to do next. Never part of the data."""
    click.echo(text, err=True)


def put(text: str) -> None:
    """Data."""
    click.echo(text)


def put_json(value: Any) -> None:
    """One JSON document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def on_terminal() -> bool:
    """Whether stdout is a terminal that can draw."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def on_terminal_in() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty()


def clean(text: str) -> str:
    """`text` with its control characters written out: jobs and errors come from others, escape sequences and all."""
    return "".join(char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text)


def one_line(text: str) -> str:
    """`text` cleaned, and in one line."""
    return " ".join(clean(text).split())


def confirm(question: str, *, yes: bool) -> None:
    """Go on if `yes`, or if a person at the terminal says so; exit with 1 if they say no.

    Raises:
        ConfigError: there is nobody to ask.
    """
    if yes:
        return
    if not on_terminal_in():
        raise ConfigError(f"{question} Nobody is there to answer, so nothing was changed; add --yes to go ahead")
    click.echo(f"{question} [y/N]: ", nl=False, err=True)
    # Not click.confirm, for which the end of input and Ctrl-C are the same.
    reply = sys.stdin.readline()
    if reply.strip().lower() not in ("y", "yes"):
        say("Nothing was changed." if reply else "\nNothing was changed.")
        raise click.exceptions.Exit(1)
