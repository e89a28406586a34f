"""Where the store is, and what an `--app` names: the environment, `conveyor.toml` and the import system say."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from conveyor.errors import ConfigError
from conveyor.text import readable

if TYPE_CHECKING:
    from conveyor.app import Conveyor

DEFAULT_URL: Final = "sqlite:///conveyor.db"
FILE: Final = "conveyor.toml"
URL_VARIABLE: Final = "CONVEYOR_URL"
APP_VARIABLE: Final = "CONVEYOR_APP"
WORK: Final = "work"
"""The table of `conveyor.toml` with options of `conveyor work`."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment and the file say; `None` where neither says anything."""

    url: str | None = None
    app: str | None = None


def check_url(url: object) -> str:
    """The URL of a store, if it looks like one.

    Raises:
        ConfigError: it does not.
    """
    if not isinstance(url, str) or "://" not in url:
        shown = readable(url) if isinstance(url, str) else url
        raise ConfigError(f"url is {shown!r}; give a store URL such as sqlite:///conveyor.db")
    return url


def here() -> Path:
    """The working directory; `.` when it was removed, in which nothing is found."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path()


def read_settings(directory: Path | None = None) -> Settings:
    """`CONVEYOR_URL` and `CONVEYOR_APP`; what they leave open, `url` and `app` in `conveyor.toml`.

    Args:
        directory: where `conveyor.toml` is looked for; the current directory by itself. None there is no error.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    found = read_file((directory or here()) / FILE)
    # An empty variable is how shells and containers unset one.
    return Settings(
        url=os.environ.get(URL_VARIABLE) or found.get("url"), app=os.environ.get(APP_VARIABLE) or found.get("app")
    )


def store_url(directory: Path | None = None) -> str:
    """The store's URL: `CONVEYOR_URL`, else `url` in `conveyor.toml`, else the file `conveyor.db` beside the program.

    Raises:
        ConfigError: see `read_settings`.
    """
    return read_settings(directory).url or DEFAULT_URL


def load_app(reference: str) -> Conveyor:
    """Import the application that `reference` names: `shop.jobs:app`. The current directory is searched first.

    Raises:
        ConfigError: it is no such reference, does not import, or is not a Conveyor; the message says which, and why.
    """
    from conveyor.app import Conveyor

    module_name, colon, attribute = reference.partition(":")
    if not colon or not attribute or not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigError(f"the app reference is {reference!r}; write module:attribute, such as shop.jobs:app")
    module = _import(module_name, reference)
    value: Any = module
    for part in attribute.split("."):
        value = getattr(value, part, _MISSING)
        if value is _MISSING:
            raise ConfigError(
                f"the app {reference!r}: {module_name} has no {attribute!r}; {_candidates(module, Conveyor)}"
            )
    if not isinstance(value, Conveyor):
        kind = type(cast("object", value)).__name__
        raise ConfigError(f"the app {reference!r} is a {kind}, not a Conveyor; {_candidates(module, Conveyor)}")
    return value


_MISSING: Final = object()


def _import(name: str, reference: str) -> object:
    directory = here()
    if directory.is_absolute() and str(directory) not in sys.path:
        sys.path.insert(0, str(directory))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only the module that was named: one that it imports in turn is its own affair, told below.
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"the app {reference!r}: there is no module {error.name!r} in {directory} or on sys.path; "
                "correct the name, or start from the project's directory"
            ) from error
        raise _unimportable(name, reference, error) from error
    except (Exception, SystemExit) as error:
        raise _unimportable(name, reference, error) from error


def _unimportable(name: str, reference: str, error: BaseException) -> ConfigError:
    lines = str(error).splitlines()
    cause = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return ConfigError(
        f"the app {reference!r}: importing {name} raised {cause}; `python -c 'import {name}'` shows where"
    )


def _candidates(module: object, kind: type[Conveyor]) -> str:
    found = sorted(name for name, value in vars(module).items() if isinstance(value, kind))
    name = vars(module)["__name__"]
    if not found:
        return f"{name} holds no Conveyor at all; make one with `app = Conveyor()`"
    return "write " + " or ".join(f"{name}:{each}" for each in found)


def read_file(path: Path) -> dict[str, Any]:
    """`url` and `app`, and the table `work`, whose keys the command line knows; empty when there is no such file.

    Raises:
        ConfigError: it cannot be read, is not TOML, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}; correct it, or remove it") from error
    import tomllib

    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}; correct it, or remove it") from error
    for name, value in found.items():
        if name == WORK:
            if not isinstance(value, dict):
                raise ConfigError(f"{path} has {WORK} = {value!r}; give a table, under a line [{WORK}]")
            continue
        if name not in Settings.__struct_fields__:
            known = ", ".join((*Settings.__struct_fields__, f"[{WORK}]"))
            raise ConfigError(f"{path} has {name!r}, which says nothing to conveyor; it may hold {known}")
        if not isinstance(value, str) or not value:
            raise ConfigError(f'{path} has {name} = {value!r}; give text, such as {name} = "{_EXAMPLES[name]}"')
    return found


_EXAMPLES: Final = {"url": DEFAULT_URL, "app": "shop.jobs:app"}
