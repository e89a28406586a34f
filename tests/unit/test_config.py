from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from conveyor import ConfigError, Conveyor
from conveyor.config import Settings, load_app, read_settings, store_url


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """An empty project as the current directory; what is imported from it is forgotten afterwards."""
    monkeypatch.delenv("CONVEYOR_URL", raising=False)
    monkeypatch.delenv("CONVEYOR_APP", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_store_is_a_file_beside_the_program_unless_told() -> None:
    assert read_settings() == Settings()
    assert store_url() == "sqlite:///conveyor.db"


def test_the_file_says_where_the_store_is(project: Path) -> None:
    write(project / "conveyor.toml", 'url = "sqlite:///shop.db"\napp = "shop.jobs:app"\n')

    assert read_settings() == Settings(url="sqlite:///shop.db", app="shop.jobs:app")
    assert store_url() == "sqlite:///shop.db"
    assert store_url(project / "elsewhere") == "sqlite:///conveyor.db"


def test_the_environment_wins_over_the_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project / "conveyor.toml", 'url = "sqlite:///shop.db"\napp = "shop.jobs:app"\n')

    monkeypatch.setenv("CONVEYOR_URL", "memory://")
    monkeypatch.setenv("CONVEYOR_APP", "")

    assert read_settings() == Settings(url="memory://", app="shop.jobs:app")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("url = ", "conveyor.toml is not TOML: "),
        ('urll = "memory://"', "conveyor.toml has 'urll', which says nothing to conveyor; it may hold url, app"),
        ("url = 7", 'conveyor.toml has url = 7; give text, such as url = "sqlite:///conveyor.db"'),
        ('app = ""', "conveyor.toml has app = ''; give text, such as app = \"shop.jobs:app\""),
    ],
)
def test_a_file_that_cannot_work_is_refused(project: Path, text: str, message: str) -> None:
    write(project / "conveyor.toml", text)

    with pytest.raises(ConfigError) as refused:
        store_url()

    assert message in str(refused.value)
    assert str(project) in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(project: Path) -> None:
    (project / "conveyor.toml").write_bytes(b"\xff")

    with pytest.raises(ConfigError, match=r"conveyor\.toml cannot be read: .*; correct it, or remove it$"):
        store_url()


# ── apps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_app_is_found_in_the_current_directory(project: Path) -> None:
    write(
        project / "shop" / "jobs.py",
        "from conveyor import Conveyor\nclass Holder: app = Conveyor()\napp = Holder.app\n",
    )

    app = load_app("shop.jobs:app")

    assert isinstance(app, Conveyor)
    assert load_app("shop.jobs:Holder.app") is app
    assert sys.path.count(str(project)) == 1


@pytest.mark.parametrize("reference", ["shop.jobs", "shop.jobs:", ":app", "", "shop/jobs.py:app", "shop..jobs:app"])
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_app(reference)

    assert str(refused.value) == (f"the app reference is {reference!r}; write module:attribute, such as shop.jobs:app")


@pytest.mark.parametrize(("reference", "missing"), [("nowhere:app", "nowhere"), ("shop.nowhere:app", "shop.nowhere")])
def test_a_module_that_does_not_exist_is_named(project: Path, reference: str, missing: str) -> None:
    write(project / "shop" / "__init__.py", "")

    with pytest.raises(ConfigError) as refused:
        load_app(reference)

    assert str(refused.value) == (
        f"the app {reference!r}: there is no module {missing!r} in {project} or on sys.path; "
        "correct the name, or start from the project's directory"
    )


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit", "SystemExit"),
        ("def (", "SyntaxError: "),
    ],
)
def test_a_module_that_does_not_import_tells_why_in_one_line(project: Path, code: str, cause: str) -> None:
    write(project / "broken.py", code)

    with pytest.raises(ConfigError) as refused:
        load_app("broken:app")

    assert str(refused.value).startswith(f"the app 'broken:app': importing broken raised {cause}")
    assert str(refused.value).endswith("; `python -c 'import broken'` shows where")
    assert "\n" not in str(refused.value)
    assert refused.value.__cause__ is not None


def test_an_attribute_that_does_not_exist_is_named_with_the_apps_there_are(project: Path) -> None:
    write(project / "jobs.py", "from conveyor import Conveyor\nb = Conveyor()\na = Conveyor()\nc = 7\n")

    with pytest.raises(ConfigError) as refused:
        load_app("jobs:app")

    assert str(refused.value) == "the app 'jobs:app': jobs has no 'app'; write jobs:a or jobs:b"


def test_an_attribute_that_is_no_app_is_named_with_the_apps_there_are(project: Path) -> None:
    write(project / "jobs.py", "app = 7\n")

    with pytest.raises(ConfigError) as refused:
        load_app("jobs:app")

    assert str(refused.value) == (
        "the app 'jobs:app' is a int, not a Conveyor; jobs holds no Conveyor at all; make one with `app = Conveyor()`"
    )
