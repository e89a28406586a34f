"""Where options come from: the command line, the environment, conveyor.toml, the app."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from conveyor.cli.command import twin
from conveyor.cli.defaults import WORK
from conveyor.cli.group import COMMANDS
from conveyor.cli.options import DURATION, SIZE
from conveyor.drivers.open import open_driver
from conveyor.ids import new_id
from conveyor.records import NewJob
from tests.cli.conftest import Cli, Store
from tests.cli.reference import command, context


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("30s", 30),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        ("5m", 300),
        ("2h", 7200),
        ("7d", 604_800),
        ("1h30m", 5400),
        ("2w", 1_209_600),
    ],
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert DURATION.convert(text, None, None) == pytest.approx(seconds)


def test_a_duration_is_a_century_at_most() -> None:
    with pytest.raises(click.BadParameter, match="more than 100 years"):
        DURATION.convert("36601d", None, None)


@pytest.mark.parametrize("text", ["", "m", "5 m", "-5", "5m30", "5x", "1e3", "half", "5m5"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration; give seconds, or a number with"):
        DURATION.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1048576", 1 << 20),
        ("512K", 512 << 10),
        ("512M", 512 << 20),
        ("512m", 512 << 20),
        ("512MB", 512 << 20),
        ("512MiB", 512 << 20),
        ("1.5G", 3 << 29),
        ("1T", 1 << 40),
    ],
)
def test_sizes_have_units(text: str, size: int) -> None:
    assert SIZE.convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "0", "M", "-5", "5X", "1e3", "0.1", "5 5", "half"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a size; give bytes, or a number with K, M, G or T"):
        SIZE.convert(text, None, None)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_what_is_no_number_of_jobs_is_a_wrong_use(cli: Cli, text: str) -> None:
    answer = cli("jobs", f"--limit={text}")

    assert answer.code == 2
    assert f"'{text}' is not a whole number from 1 up" in answer.err


@pytest.mark.parametrize("option", ["--queue", "--type", "--error", "--fingerprint", "--tag"])
@pytest.mark.parametrize("command", ["failed", "retry", "forget"])
def test_an_empty_choice_is_a_wrong_use_and_chooses_nothing(cli: Cli, command: str, option: str) -> None:
    """It is what a variable of the shell comes to that is not set."""
    answer = cli(command, f"{option}=", "--reason", "failed")

    assert answer.code == 2
    assert "it is empty; give a value, or leave it out" in answer.err


@pytest.mark.parametrize("command", ["jobs", "failed"])
def test_a_number_that_no_store_can_count_to_is_a_wrong_use(cli: Cli, command: str) -> None:
    answer = cli(command, "--limit", "9" * 20)

    assert answer.code == 2
    assert f"'{'9' * 20}' is more than any store can count; give at most 15 digits" in answer.err
    assert cli(command, "--limit", "9" * 15).code == 0


def test_every_option_has_a_twin_in_the_environment_named_like_the_flag() -> None:
    for name in COMMANDS:
        ctx = context(name)
        for option in ctx.command.params:
            if not isinstance(option, click.Option):
                continue
            flag = option.opts[0].removeprefix("--").replace("-", "_").upper()
            expected = f"CONVEYOR_{flag}" if flag in ("URL", "APP") else f"CONVEYOR_{name.upper()}_{flag}"
            assert twin(ctx, option) == expected


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (("jobs",), {"CONVEYOR_JOBS_JSON": "1", "CONVEYOR_JOBS_LIMIT": "1"}),
        (("jobs", "--json"), {"CONVEYOR_JOBS_QUEUE": "emails other", "CONVEYOR_JOBS_STATUS": "pending"}),
        (("jobs", "--json"), {"CONVEYOR_JOBS_QUEUE": "emails,other"}),
    ],
)
def test_options_come_from_the_environment(
    cli: Cli, store: Store, arguments: tuple[str, ...], env: dict[str, str]
) -> None:
    store.push(queue="reports")
    store.push(queue="emails")

    assert [job["queue"] for job in cli(*arguments, env=env).json] == ["emails"]


def test_variables_that_mean_no_option_change_nothing(cli: Cli, store: Store) -> None:
    store.push()
    env = {"CONVEYOR_VERSION": "1.2", "CONVEYOR_HELP": "1", "CONVEYOR_JOBS": "5", "CONVEYOR_PORT": "tcp://10.0.0.1:80"}

    assert len(cli("jobs", "--json", env=env).json) == 1


def test_the_command_line_wins_over_the_environment(cli: Cli, store: Store) -> None:
    for _ in range(3):
        store.push()

    assert len(cli("jobs", "--json", "--limit", 2, env={"CONVEYOR_JOBS_LIMIT": "1"}).json) == 2


def test_an_alias_reads_the_environment_of_its_command(cli: Cli) -> None:
    answer = cli("prune", env={"CONVEYOR_CLEANUP_OLDER_THAN": "7d", "CONVEYOR_CLEANUP_DRY_RUN": "1"})

    assert answer.code == 0
    assert "Would delete 0 records" in answer.err


def test_the_store_is_found_on_the_command_line_then_in_the_environment_then_in_the_file(
    cli: Cli, tmp_path: Path
) -> None:
    for name in ("flag", "variable", "file", "conveyor"):
        driver = open_driver(f"sqlite:///{name}.db")
        driver.push([NewJob(id=new_id(), queue=name, type="t", payload="{}")])
        driver.close()
    variable = {"CONVEYOR_URL": "sqlite:///variable.db"}

    def queue(*arguments: str, env: dict[str, str] | None = None) -> str:
        (found,) = cli("status", "--json", *arguments, env=env, url=False).json["queues"]
        return str(found["queue"])

    assert queue() == "conveyor"
    (tmp_path / "conveyor.toml").write_text('url = "sqlite:///file.db"\n')
    assert queue() == "file"
    assert queue(env=variable) == "variable"
    assert queue("--url", "sqlite:///flag.db", env=variable) == "flag"


def test_the_store_of_a_named_app_is_the_app_s_own(
    cli: Cli, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_store.py").write_text(f'from conveyor import Conveyor\napp = Conveyor("{store.url}")\n')
    store.push(queue="of-the-app")

    answer = cli("status", "--json", url=False, env={"CONVEYOR_APP": "own_store:app", "CONVEYOR_URL": "memory://other"})

    assert [queue["queue"] for queue in answer.json["queues"]] == ["of-the-app"]


def test_looking_where_no_store_is_makes_none(cli: Cli, tmp_path: Path) -> None:
    answer = cli("status", url=False)

    assert answer.code == 1
    assert answer.err.startswith(f"conveyor: there is no store at {tmp_path / 'conveyor.db'}: ")
    assert list(tmp_path.iterdir()) == []


def test_pushing_where_no_store_is_makes_one(cli: Cli, tmp_path: Path) -> None:
    assert cli("push", "t", url=False).code == 0
    assert (tmp_path / "conveyor.db").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour = 1\n", "'colour'"),
        (
            "[work]\nproceses = 2\nthread = 1\n",
            "unknown keys in [work]: 'proceses', 'thread'; known are queue, exclude, processes",
        ),
        ("url = 7\n", "url = 7"),
        ("work = 7\n", "work = 7"),
        ("url = \n", "is not TOML"),
    ],
)
def test_a_wrong_conveyor_toml_is_an_error_that_names_what_is_wrong(
    cli: Cli, tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "conveyor.toml").write_text(text)

    answer = cli("status")

    assert answer.code == 1
    assert answer.err.startswith("conveyor: ")
    assert problem in answer.err
    assert len(answer.err.splitlines()) == 1


def test_the_keys_of_the_work_table_are_the_options_of_work() -> None:
    flags = {option.opts[0].removeprefix("--") for option in command("work").params if isinstance(option, click.Option)}

    assert set(WORK) == flags - {"app", "url"}
