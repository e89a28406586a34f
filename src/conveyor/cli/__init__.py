"""The command line: `conveyor COMMAND`, one file a command. `group.py` lists them and loads the one asked for."""

from __future__ import annotations


def main() -> None:
    """Run the command that the command line names, and exit with its code.

    0 is success, 1 trouble with one line on stderr, 2 a wrong use of the command, 130 an interrupt (Ctrl-C).
    """
    from conveyor.cli.group import root

    root(prog_name="conveyor")
