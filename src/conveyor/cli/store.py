"""Which store a command works on, and the driver that opens it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import reduce, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import click
from click.core import ParameterSource

from conveyor.config import DEFAULT_URL, here, load_app
from conveyor.drivers.base import Driver
from conveyor.errors import ConfigError

if TYPE_CHECKING:
    from conveyor.app import Conveyor


class Target:
    """The store of one command, opened when it is needed: that of `--url`, else the app's own, else the configured one.

    An app comes before the environment and conveyor.toml because it reads them itself, unless it was made with a URL:
    so a command meets the jobs where the app's own programs push them.

    Args:
        url: from the command line; `None` when it names none.
        configured: the URL in the environment or conveyor.toml; `None` when they name none.
        app_name: `module:name`, or `None`.
    """

    def __init__(self, url: str | None, configured: str | None, app_name: str | None) -> None:
        self.app_name = app_name
        self._url = url
        self._configured = configured
        self._app: Conveyor | None = None
        self._driver: Driver | None = None

    @staticmethod
    def opened(function: Callable[..., None]) -> Callable[..., None]:
        """A command that takes a Target, as one that takes `--url` and `--app`; it is closed when the command ends."""

        def command(*, url: str | None, app: str | None, **options: Any) -> None:
            target = Target(*url_by_source(url), app)
            try:
                function(target, **options)
            finally:
                target.close()

        return update_wrapper(command, function)

    @property
    def app(self) -> Conveyor | None:
        """The application, loaded at first use; `None` when none was named.

        Raises:
            ConfigError: it cannot be loaded.
        """
        if self._app is None and self.app_name is not None:
            # What its modules print is none of the command's data.
            with redirect_stdout(sys.stderr):
                self._app = load_app(self.app_name)
            if self._url is not None:
                self._app.url = self._url
        return self._app

    @property
    def driver(self) -> Driver:
        """The driver, opened at first use.

        Raises:
            ConfigError: the URL cannot work, or the file it names is not there.
            StoreError: see `open_driver`.
        """
        if self._driver is None:
            self._driver = self._open()
        return self._driver

    @property
    def shown_url(self) -> str:
        """The URL without its secrets."""
        return self.driver.url

    def prefer_app(self, *, create: bool = False) -> None:
        """Open the store, through the app if one was named: its aging says where in the order a job is put.

        With `create`, a file that is not there is made; without, it is an error as for `driver`.
        """
        if self.app is None:
            self._driver = self._open(create=create)
            return
        if not create:
            require_file(self.app.url)
        self._driver = self.app.driver

    def leave_app(self) -> None:
        """Go on as if no application had been named."""
        self.app_name = self._app = None

    def any_app(self) -> Conveyor:
        """The application; where none was named, one on the same store that knows no jobs.

        Raises:
            as `driver`.
        """
        app = self.app
        if app is None:
            from conveyor.app import Conveyor

            app = self._app = Conveyor(self.url)
        self.prefer_app()
        return app

    def close(self) -> None:
        """Let go of the store. Safe twice."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None
        if self._app is not None:
            self._app.close()

    def _open(self, *, create: bool = False) -> Driver:
        from conveyor.drivers.open import open_driver

        if not create:
            require_file(self.url)
        driver = open_driver(self.url)
        # What is done to recorded queues their history shall hear of.
        return driver if self.app is None else reduce(lambda each, around: around(each), self.app.around_store, driver)

    @property
    def url(self) -> str:
        """The URL, secrets included.

        Raises:
            ConfigError: the app that it belongs to cannot be loaded.
        """
        if self._url is None and self.app is not None:
            return self.app.url
        return self._url or self._configured or DEFAULT_URL


def url_by_source(url: str | None) -> tuple[str | None, str | None]:
    """The value of `--url` as a pair: from the command line, from the environment or conveyor.toml."""
    source = click.get_current_context().get_parameter_source("url")
    return (url, None) if source is ParameterSource.COMMANDLINE else (None, url)


def require_file(url: str) -> None:
    """Refuse an SQLite URL whose file is not there: looking from the wrong directory must not make an empty store.

    Raises:
        ConfigError: it is not there.
    """
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        return
    path = Path(unquote(parts.path[1:]))
    if not path.exists():
        raise ConfigError(
            f"there is no store at {here() / path}: nothing was pushed there yet, or this is another directory; "
            "name the store with --url, CONVEYOR_URL or url in conveyor.toml"
        )
