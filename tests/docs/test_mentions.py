"""What README and documentation name exists: files, make targets, command lines in service files."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Final

import click
import pytest

from conveyor.cli.defaults import read_defaults
from conveyor.cli.group import COMMANDS, root
from tests.docs.blocks import ROOT, Block, blocks, pages

TOP: Final = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "examples/README.md")]
LINK: Final = re.compile(r"\]\((?!https?://|#)(?P<target>[^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", TOP, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_outside_the_documentation_links_to_is_there(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert missing == []


@pytest.mark.parametrize("page", [*pages(), *TOP[1:]], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_make_targets_that_a_page_names_are_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    named = set(re.findall(r"`(?:\$ )?make ([a-z]+)", page.read_text(encoding="utf-8")))

    assert named <= targets


SETTINGS: Final = [block for page in pages() for block in blocks(page) if block.language == "toml"]


@pytest.mark.parametrize("block", SETTINGS, ids=lambda block: block.where)
def test_settings_files_say_what_conveyor_understands(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conveyor.toml").write_text(block.text)
    monkeypatch.chdir(tmp_path)

    settings = read_defaults(COMMANDS)

    assert any(settings.values())


def test_the_readme_names_its_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert "`make demo`" in text
    assert "`make test`" in text


def test_service_files_start_workers_with_options_that_exist() -> None:
    texts = [block.text for block in blocks(ROOT / "docs/howto/deploy-a-worker.md") if block.language != "python"]
    lines = re.findall(r"^ExecStart=\S*/conveyor (.*)$", "\n".join(texts), re.MULTILINE)
    commands = [shlex.split(line) for line in lines]
    lists = re.findall(r"^(?:CMD|command:) (\[.*\])$", "\n".join(texts), re.MULTILINE)
    commands += [json.loads(line)[1:] for line in lists]

    names = {command[0] for command in commands}
    for name, *arguments in commands:
        command = root.get_command(click.Context(root), name)
        assert command is not None
        command.make_context(name, arguments)

    assert names == {"work"}
    assert len(commands) == 3


def test_tests_that_a_page_names_are_there() -> None:
    tests = "\n".join(each.read_text(encoding="utf-8") for each in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)\(", tests, re.MULTILINE))

    named = {name for page in pages() for name in re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8"))}

    assert len(named) > 20
    assert named - known == set()
