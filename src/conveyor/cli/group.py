"""The root command: which commands there are, loaded when asked for, and how their troubles end."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import IO, Any, Final, NamedTuple

import click

from conveyor.errors import ConveyorError

INTERRUPTED: Final = 130
"""What shells answer for a program that Ctrl-C ended: 128 + SIGINT."""
BROKEN_PIPE: Final = 141
"""Likewise for one that wrote into a closed pipe: 128 + SIGPIPE."""
_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a disk says that takes no more."""


class _Entry(NamedTuple):
    section: str
    summary: str
    aliases: tuple[str, ...] = ()


COMMANDS: Final[Mapping[str, _Entry]] = {
    "work": _Entry("Run", "Run jobs: a supervisor and its worker processes.", ("worker",)),
    "push": _Entry("Run", "Push one job and print its id.", ("enqueue",)),
    "run": _Entry("Run", "Run one job here and now, without a worker."),
    "demo": _Entry("Run", "Run a job for each file of a directory and watch it."),
    "status": _Entry("Look", "Show queues and workers, once or live."),
    "jobs": _Entry("Look", "List jobs, newest first."),
    "show": _Entry("Look", "Show everything about one job."),
    "progress": _Entry("Look", "Watch how far jobs are, until they end."),
    "failed": _Entry("Look", "List the dead letters: jobs that failed for good."),
    "history": _Entry("Look", "Search the history of jobs, and rebuild a lost store."),
    "workers": _Entry("Look", "List workers, and whether they can work."),
    "health": _Entry("Look", "Say whether jobs are being run, for probes too."),
    "metrics": _Entry("Look", "Show how many jobs ran, how long and how well."),
    "alerts": _Entry("Look", "List alerts, and try who is told."),
    "locks": _Entry("Look", "List locks and who holds them."),
    "doctor": _Entry("Look", "Examine the store: settings, clock, dead leases."),
    "check": _Entry("Look", "Find what is wrong with the set-up."),
    "retry": _Entry("Act", "Bring dead letters back to their queues."),
    "forget": _Entry("Act", "Delete dead letters."),
    "cancel": _Entry("Act", "Cancel jobs, waiting or running."),
    "pause": _Entry("Act", "Let no job of a queue start until it is resumed."),
    "resume": _Entry("Act", "End the pause of a queue."),
    "schedule": _Entry("Act", "List schedules, and run, pause or resume them."),
    "clear": _Entry("Act", "Delete the waiting jobs of a queue, or its dead letters."),
    "migrate": _Entry("Act", "Bring the store's tables up to date."),
    "cleanup": _Entry("Act", "Delete old records of jobs that have ended.", ("prune",)),
}
"""Each lives in the module of its name. The summaries stand here, so that `conveyor --help` loads none of them."""

_CANONICAL: Final = {alias: name for name, entry in COMMANDS.items() for alias in (name, *entry.aliases)}


class Refused(click.ClickException):
    """A ConveyorError on its way to the terminal: one line, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line to stderr."""
        click.echo(f"conveyor: {self.message}", file=file, err=file is None)


class LazyGroup(click.Group):
    """A group that imports a command's module when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, without aliases, as the help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name or alias."""
        name = _CANONICAL.get(cmd_name)
        if name is None:
            return None
        command = getattr(import_module(f"conveyor.cli.{name}"), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"conveyor.cli.{name}.{name} is no command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command by its own name, so that an alias reads the same environment and conveyor.toml."""
        if args and args[0] not in _CANONICAL and not args[0].startswith("-"):
            close = get_close_matches(args[0], _CANONICAL, n=1)
            hint = f"Did you mean {_CANONICAL[close[0]]!r}?" if close else 'See them with "conveyor --help".'
            ctx.fail(f"No such command {args[0]!r}. {hint}")
        name, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else name), command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        """The commands by section, from the table above."""
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl(
                    [(name, entry.summary) for name, entry in COMMANDS.items() if entry.section == section]
                )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn its errors, an interrupt and a closed pipe into exit codes."""
        try:
            answer = super().invoke(ctx)
            # What is still in the buffer must meet a closed pipe here, not while the interpreter shuts down.
            sys.stdout.flush()
            return answer
        except ConveyorError as error:
            raise Refused(str(error)) from error
        except KeyboardInterrupt:
            click.echo(err=True)  # The terminal has written ^C.
            raise click.exceptions.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader has enough (`| head`): nobody wants to hear of it.
            _write_no_more()
            raise click.exceptions.Exit(BROKEN_PIPE) from None

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run it as a program; a disk that is full where stdout goes is an exit code too."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in _UNWRITABLE or error.filename is not None:
                raise
            _write_no_more()
            click.echo(f"conveyor: the output cannot be written: {error.strerror}", err=True)
            sys.exit(1)


def _write_no_more() -> None:
    """Nor have the interpreter flush what is left, when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    cls=LazyGroup,
    context_settings={
        "auto_envvar_prefix": "CONVEYOR",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
    epilog=(
        "Every option may come from the environment: CONVEYOR_URL and CONVEYOR_APP for all commands, "
        "CONVEYOR_<COMMAND>_<OPTION> for one, such as CONVEYOR_WORK_PROCESSES=4. "
        "A file conveyor.toml in the working directory may hold url, app and a table [work] of options. "
        "The command line wins over the environment, and that over the file. "
        "Data goes to stdout and talk to stderr; tables are plain text in a pipe, and --json is for programs."
    ),
)
@click.version_option(
    package_name="conveyor",
    message="conveyor %(version)s",
    # Images often set CONVEYOR_VERSION=1.2 for themselves, and mean no command by it.
    allow_from_autoenv=False,
)
@click.pass_context
def root(ctx: click.Context) -> None:
    """Run background jobs, look at them, and put right what failed.

    Begin with "conveyor demo", or with "conveyor work --app yourpackage.jobs:app".
    """
    # What it needs is not needed for help.
    from conveyor.cli.defaults import read_defaults

    ctx.default_map = read_defaults(COMMANDS)
