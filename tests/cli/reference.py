"""What docs/reference/cli.md has from the commands themselves: usage and options. Run as a program, it prints that."""

from __future__ import annotations

import click

from conveyor.cli.command import Command, twin
from conveyor.cli.group import COMMANDS, root


def command(name: str) -> Command:
    """A command by its name."""
    found = root.get_command(click.Context(root), name)
    assert isinstance(found, Command)
    return found


def context(name: str) -> click.Context:
    """The context in which `name` is run by its user."""
    parent = click.Context(root, info_name="conveyor", auto_envvar_prefix="CONVEYOR")
    return click.Context(command(name), info_name=name, parent=parent)


def section(name: str) -> str:
    """What the page has to say about a command: heading, usage, and a row for each option."""
    ctx = context(name)
    usage = " ".join(ctx.command.collect_usage_pieces(ctx))
    lines = [f"## conveyor {name}", "", "```text", f"conveyor {name} {usage}", "```", ""]
    aliases = COMMANDS[name].aliases
    if aliases:
        lines += [f"Also called {' and '.join(f'`conveyor {alias}`' for alias in aliases)}.", ""]
    lines += ["| option | environment | |", "|---|---|---|"]
    for option in ctx.command.params:
        if isinstance(option, click.Option):
            lines.append(f"| {_names(option, ctx)} | `{twin(ctx, option)}` | {_help(option, ctx)} |")
    return "\n".join(lines)


def _names(option: click.Option, ctx: click.Context) -> str:
    metavar = "" if option.is_flag else f" {option.make_metavar(ctx)}"
    names = sorted(option.opts, key=lambda name: not name.startswith("--"))
    return ", ".join(f"`{name}{metavar if index == 0 else ''}`" for index, name in enumerate(names)).replace("|", "\\|")


def _help(option: click.Option, ctx: click.Context) -> str:
    record = option.get_help_record(ctx)
    assert record is not None
    return record[1].replace("|", "\\|").replace("  [", " [")


if __name__ == "__main__":
    click.echo("\n\n".join(section(name) for name in COMMANDS))
