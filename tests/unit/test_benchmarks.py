"""What the benchmarks say is what was measured."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.compare.kept import Kept
from benchmarks.compare.plots import draw
from benchmarks.compare.questions import QUESTIONS
from benchmarks.compare.report import Cell, Table, as_markdown
from benchmarks.guard import fallen
from benchmarks.kit import plots
from benchmarks.kit.store import claim_and_settle, push_noops
from benchmarks.stores.sqlite import SqliteStore


def test_a_share_that_lost_more_than_the_noise_is_named() -> None:
    before = {"push": 0.80, "drain": 0.50, "gone": 0.9}

    assert fallen(before, {"push": 0.60, "drain": 0.45, "new": 0.1}) == ["push"]
    assert fallen(before, {"push": 0.69, "drain": 0.99}) == []


def test_a_bare_loop_does_what_the_driver_did() -> None:
    loop = SqliteStore().bare(claim_and_settle, lambda: push_noops(3))

    assert loop() > 0  # it compares what both have counted


def test_pictures_name_what_they_show_and_are_the_same_each_time(tmp_path: Path) -> None:
    for directory in ("one", "two"):
        values = {"conveyor": 36_000, "x": 9, "y": None}
        plots.bars(tmp_path / directory / "bars.svg", title="Drain, jobs/s", values=values)
        plots.lines(
            tmp_path / directory / "lines.svg",
            title="Backlog",
            across="jobs that wait",
            up="jobs/s",
            series={"conveyor": {10: 1, 1_000_000: 2}, "x": {10: 1}},
            logarithmic="x",
        )
        series = {"conveyor": [(0.5, 0.8), (1.0, 2.0)], "x": [(0.5, 3.0), (1.0, 9.0)]}
        plots.distributions(tmp_path / directory / "shares.svg", title="Pick-up", unit="ms", series=series)

    for name in ("bars.svg", "lines.svg", "shares.svg"):
        drawn = (tmp_path / "one" / name).read_text("utf-8")
        words = {text.strip() for text in ET.fromstring(drawn).itertext()}
        assert {"conveyor", "x"} <= words
        assert drawn == (tmp_path / "two" / name).read_text("utf-8")
    bars = (tmp_path / "one" / "bars.svg").read_text("utf-8")
    assert "36,000" in bars
    assert "failed" in bars


def _table(question: str, store: str, rate: float, **about: str) -> Table:
    asked = next(each for each in QUESTIONS if each.name == question)
    cells = {
        "conveyor": Cell({"1 process": [rate, rate * 2]}),
        "slow": Cell({"1 process": [1.0, 2.0]}),
        "broken": Cell(failures=["the worker ended"]),
    }
    versions = {"conveyor": about.get("conveyor", "1.0"), "slow": "2.0"}
    return Table(asked, store, cells, 0.01, 60, about.get("day", "2026-01-02"), {"machine": "2 cores"}, versions)


def test_a_table_takes_the_place_of_the_older_one_of_its_question_and_store_alone(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.json")
    for table in (_table("drain", "sqlite", 10), _table("drain", "redis", 20), _table("push", "redis", 30)):
        kept.replace(table)

    kept.replace(_table("drain", "redis", 40, day="2026-01-03"))

    found = {(each.question.name, each.store): each for each in kept.tables()}
    assert list(found) == [("push", "redis"), ("drain", "redis"), ("drain", "sqlite")]
    assert found["drain", "redis"] == _table("drain", "redis", 40, day="2026-01-03")
    assert found["drain", "sqlite"] == _table("drain", "sqlite", 10)


def test_the_comparison_is_written_and_drawn_from_what_is_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.json")
    kept.replace(_table("drain", "redis", 20_000))
    kept.replace(_table("bytes", "sqlite", 30, conveyor="1.1", day="2026-01-03"))

    text = as_markdown(kept.tables())
    drawn = [path.name for path in draw(kept.tables(), tmp_path)]

    assert "conveyor 1.0 and 1.1, slow 2.0" in text
    assert "| **conveyor** | 30,000 (20,000 to 40,000) |" in text
    assert "| broken | failed: the worker ended |" in text
    assert "2026-01-03, 2 rounds, 60 s; others used 1% of the machine." in text
    assert drawn == ["drain-redis.svg"]
