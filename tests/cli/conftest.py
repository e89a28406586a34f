from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conveyor.cli.group import root
from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.ids import new_id
from conveyor.lifecycle import after_failure, after_success
from conveyor.records import Claim, Failure, JobId, NewJob, Reason
from conveyor.retry import NoRetry


@pytest.fixture(autouse=True)
def _clean_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and nothing of ours in the environment."""
    for name in list(os.environ):
        if name.startswith("CONVEYOR_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True)
class Store:
    """A store that commands in this process can open, with jobs in any state put there by hand."""

    driver: Driver
    url: str

    def push(self, type: str = "email.welcome", queue: str = "emails", payload: str = "{}", **fields: Any) -> JobId:
        return self.driver.push([NewJob(id=new_id(), type=type, queue=queue, payload=payload, **fields)])[0]

    def claim(self, queue: str = "emails") -> Claim:
        (claim,) = self.driver.claim([queue], limit=1, lease=30, worker="w/0")
        return claim

    def complete(self, queue: str = "emails", result: str = "null") -> JobId:
        claim = self.claim(queue)
        assert self.driver.settle([after_success(claim, result, started_at=claim.pushed_at)]) == [True]
        return claim.id

    def bury(
        self, error: str = "builtins.ValueError", message: str = "broken", queue: str = "emails", traceback: str = ""
    ) -> JobId:
        claim = self.claim(queue)
        failure = Failure(
            attempt=claim.attempt,
            reason=Reason.FAILED,
            error_type=error,
            message=message,
            traceback=traceback,
            worker="w/0",
            started_at=claim.pushed_at,
            ended_at=claim.pushed_at + 1,
            queue=queue,
            fingerprint=error[-4:],
        )
        assert self.driver.settle([after_failure(claim, failure, NoRetry())]) == [True]
        return claim.id


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    url = f"memory://{request.node.name.partition('[')[0][-60:]}"
    driver = open_driver(url)
    yield Store(driver, url)
    driver.close()


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    result: Result

    @property
    def code(self) -> int:
        return self.result.exit_code

    @property
    def out(self) -> str:
        return self.result.stdout

    @property
    def err(self) -> str:
        return self.result.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The plain table, without its header."""
        return [line.split() for line in self.out.splitlines()[1:]]


Cli = Callable[..., Answer]


@pytest.fixture
def cli(store: Store) -> Cli:
    """Run a command in this process, on the store unless it names another one."""

    def run(*arguments: object, input: str = "", env: dict[str, str] | None = None, url: bool = True) -> Answer:
        words = [str(argument) for argument in arguments]
        result = CliRunner().invoke(
            root, [*words, *(["--url", store.url] if url else [])], input=input, env=env, prog_name="conveyor"
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Answer(result)

    return run
