"""A command whose help ends with examples, and says how its options are spelled in the environment."""

from __future__ import annotations

from typing import Any

import click


class Command(click.Command):
    """A click command with examples.

    Args:
        examples: whole command lines, shown as they are.
    """

    def __init__(self, *args: Any, examples: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The epilog, the examples, and the environment."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("Examples:")
        with formatter.indentation():
            for example in self.examples:
                # Not through write_text, which would wrap them: an example is there to be copied.
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        options = [option for option in self.params if isinstance(option, click.Option)]
        common = [option for option in options if option.envvar]
        own = [option for option in options if not option.envvar]
        named = ", ".join(f"{twin(ctx, option)} for {option.opts[0]}" for option in (*common, own[0]))
        formatter.write_paragraph()
        formatter.write_text(f"In the environment: {named}, and so on for the others.")


def twin(ctx: click.Context, option: click.Option) -> str:
    """The environment variable that stands in for an option of the command of `ctx`."""
    if isinstance(option.envvar, str):
        return option.envvar
    return f"{ctx.auto_envvar_prefix}_{(option.name or '').upper()}"
