"""docs/reference/cli.md says what `--help` says."""

from __future__ import annotations

from pathlib import Path

import pytest

from conveyor.cli.group import COMMANDS
from tests.cli.program import run
from tests.cli.reference import command, section

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_every_option_of_a_command_with_its_twin(name: str) -> None:
    # `python -m tests.cli.reference` prints what belongs there.
    assert section(name) in PAGE.read_text(encoding="utf-8")


def test_the_reference_has_no_other_commands() -> None:
    headings = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("## conveyor ")]

    assert headings == [f"## conveyor {name}" for name in COMMANDS]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_in_the_list_fits_the_command_and_its_help_has_examples(name: str) -> None:
    assert command(name).help
    assert command(name).examples
    for example in command(name).examples:
        assert f"conveyor {name}" in example


def test_help_lists_every_command_with_its_summary() -> None:
    shown = run("--help").stdout

    for name, entry in COMMANDS.items():
        assert f"  {name} " in shown
        assert entry.summary in shown
    assert "CONVEYOR_<COMMAND>_<OPTION>" in " ".join(shown.split())


@pytest.mark.parametrize("name", ["work", "failed", "cleanup"])
def test_help_of_a_command_ends_with_examples_and_the_environment(name: str) -> None:
    shown = run(name, "--help").stdout

    for example in command(name).examples:
        assert f"\n  {example}\n" in shown
    assert "\nIn the environment: CONVEYOR_" in shown
    assert "CONVEYOR_URL for --url" in shown
