"""The options that commands share, and the kinds of values they take."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast
from uuid import UUID

import click

from conveyor.records import JobId, Reason
from conveyor.times import LONGEST

_Function = TypeVar("_Function", bound=Callable[..., Any])

_UNITS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 7 * 86_400.0}
_BYTES: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", re.IGNORECASE)
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw]?)")


if TYPE_CHECKING:
    from conveyor.selection import Which

    _Floats = click.ParamType[float]
    _Ints = click.ParamType[int]
    _Ids = click.ParamType[JobId]
else:
    # Generic for type checkers only; at run time not before click 8.4.
    _Floats = _Ints = _Ids = click.ParamType


class Duration(_Floats):
    """Seconds as a number, or with units: 30, 30s, 5m, 2h, 7d, 1h30m. Converts to seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it; a number is seconds already."""
        if isinstance(value, int | float):
            return float(value)
        parts = _PART.findall(value)
        # A number without a unit is seconds only when it stands alone: "5m30" is more likely a slip.
        if (
            not parts
            or "".join(number + unit for number, unit in parts) != value
            or (len(parts) != 1 and any(not unit for _, unit in parts))
        ):
            self.fail(
                f"{value!r} is not a duration; give seconds, or a number with ms, s, m, h, d or w: 30, 5m, 1h30m, 7d.",
                param,
                ctx,
            )
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
        if seconds > LONGEST:
            self.fail(f"{value!r} is more than 100 years; give less.", param, ctx)
        return seconds


class Size(_Ints):
    """Bytes as a number, or with units of 1024: 1048576, 512K, 512M, 1.5G. Converts to bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; a number is bytes already."""
        found = _SIZE.fullmatch(str(value).strip())
        if found is None or not (size := int(float(found[1]) * _BYTES[found[2].upper()])):
            self.fail(
                f"{value!r} is not a size; give bytes, or a number with K, M, G or T: 1048576, 512M, 1.5G.", param, ctx
            )
        return size


_DIGITS: Final = 15
"""Of a number that stores, and JSON, keep as it is."""


class Number(_Ints):
    """A whole number from 1 up."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it."""
        text = str(value)
        if not text.isdecimal() or not text.strip("0"):
            self.fail(f"{text!r} is not a whole number from 1 up.", param, ctx)
        if len(text) > _DIGITS:
            self.fail(f"{text!r} is more than any store can count; give at most {_DIGITS} digits.", param, ctx)
        return int(text)


class Identity(_Ids):
    """The id of a job."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> JobId:
        """Read it; whether such a job is kept is for the command to find out."""
        if isinstance(value, UUID):
            return JobId(value)
        try:
            return JobId(UUID(value))
        except ValueError:
            self.fail(f"{value!r} is not a job id; ids look like 01890a5d-ac96-774b-bcce-b302099a8057.", param, ctx)


DURATION: Final = Duration()
NUMBER: Final = Number()
SIZE: Final = Size()
IDENTITY: Final = Identity()


def url_option(function: _Function) -> _Function:
    """Add `--url`."""
    return click.option(
        "--url",
        "-u",
        envvar="CONVEYOR_URL",
        metavar="URL",
        help="The store. [default: the app's, else url in conveyor.toml, else sqlite:///conveyor.db]",
    )(function)


def app_option(*, help: str, required: bool = False) -> Callable[[_Function], _Function]:
    """Add `--app`."""
    return click.option("--app", "-A", envvar="CONVEYOR_APP", metavar="MODULE:NAME", required=required, help=help)


def store_options(function: _Function) -> _Function:
    """Add `--url` and `--app`, by which a command finds its store; `Target.opened` takes them."""
    return url_option(app_option(help="The application whose store it is, unless --url names one.")(function))


def queue_option(help: str) -> Callable[[_Function], _Function]:
    """Add `--queue`, which may be given again and may hold several names between commas; gives a tuple `queue`."""
    return click.option("--queue", "-q", multiple=True, metavar="QUEUE", callback=split, help=help)


def exclude_option(help: str) -> Callable[[_Function], _Function]:
    """Add `--exclude`, in the same way."""
    return click.option("--exclude", "-x", multiple=True, metavar="QUEUE", callback=split, help=help)


def type_option(help: str) -> Callable[[_Function], _Function]:
    """Add `--type`, in the same way."""
    return click.option("--type", "-t", multiple=True, metavar="TYPE", callback=split, help=help)


def limit_option(default: int | None, help: str) -> Callable[[_Function], _Function]:
    """Add `--limit`."""
    return click.option(
        "--limit",
        "-n",
        type=NUMBER,
        default=default,
        metavar="N",
        show_default=default is not None,
        help=help,
    )


def letters_options(function: _Function) -> _Function:
    """Add the options that choose dead letters, all of which must hold; gives those that were given as a `Which`."""

    @wraps(function)
    def collected(*args: Any, **options: Any) -> Any:
        given = {name: value for name in _CHOOSING if (value := options.pop(name)) not in {None, "", ()}}
        return function(*args, which=cast("Which", given), **options)

    for option in reversed(_LETTERS):
        collected = option(collected)
    return cast("_Function", collected)


def tag_option(help: str) -> Callable[[_Function], _Function]:
    """Add `--tag`."""
    return click.option("--tag", default="", callback=_text, metavar="TAG", help=help)


json_option = click.option("--json", is_flag=True, help="Answer with one JSON document.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def split(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """The names that an option or argument was given; for click's `callback`."""
    for value in values:
        if not split_names((value,)):
            _refuse_nothing(ctx, param)
    return split_names(values)


def _text(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not value and ctx.get_parameter_source(str(param.name)) is click.core.ParameterSource.COMMANDLINE:
        _refuse_nothing(ctx, param)
    return value


def _refuse_nothing(ctx: click.Context, param: click.Parameter) -> NoReturn:
    """What a variable of the shell that is not set comes to must not choose more than was meant."""
    raise click.BadParameter("it is empty; give a value, or leave it out.", ctx, param)


def split_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """The names in `values`, each of which may hold several between commas; each name once."""
    return tuple(dict.fromkeys(name for value in values for part in value.split(",") if (name := part.strip())))


_LETTERS: Final[Sequence[Callable[[Any], Any]]] = (
    queue_option("Only those of this queue; may be given again."),
    type_option("Only those of this type; may be given again."),
    click.option(
        "--error",
        "-e",
        default="",
        callback=_text,
        metavar="TEXT",
        help="Only those whose last error has TEXT in its type or message.",
    ),
    click.option(
        "--reason",
        "-r",
        multiple=True,
        type=click.Choice([reason.value for reason in Reason]),
        help="Only those that ended for this reason; may be given again.",
    ),
    click.option(
        "--fingerprint",
        default="",
        callback=_text,
        metavar="HEX",
        help='Only those of this cause, as "conveyor failed --group" shows it.',
    ),
    tag_option("Only those with this tag."),
    click.option("--since", type=DURATION, metavar="AGE", help="Only those that died within this time: 10m, 2h."),
)
_CHOOSING: Final = ("queue", "type", "error", "reason", "fingerprint", "tag", "since")
