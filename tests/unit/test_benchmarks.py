"""What the benchmarks say is what was measured."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.guard import fallen
from benchmarks.kit import plots


def test_a_share_that_lost_more_than_the_noise_is_named() -> None:
    before = {"push": 0.80, "drain": 0.50, "gone": 0.9}

    assert fallen(before, {"push": 0.60, "drain": 0.45, "new": 0.1}) == ["push"]
    assert fallen(before, {"push": 0.69, "drain": 0.99}) == []


def test_pictures_name_what_they_show_and_are_the_same_each_time(tmp_path: Path) -> None:
    for directory in ("one", "two"):
        plots.bars(tmp_path / directory / "bars.svg", title="Drain", unit="jobs/s", values={"conveyor": 36_000, "x": 9})
        plots.lines(
            tmp_path / directory / "lines.svg",
            title="Backlog",
            across="jobs that wait",
            up="jobs/s",
            series={"conveyor": {10: 1, 1_000_000: 2}, "x": {10: 1}},
            logarithmic=True,
        )
        rows = {"conveyor": {"p50": 0.8, "p99": 2.0}, "x": {"p50": 3.0, "p99": 9.0}}
        plots.ranges(tmp_path / directory / "ranges.svg", title="Pick-up", unit="ms", rows=rows)

    for name in ("bars.svg", "lines.svg", "ranges.svg"):
        drawn = (tmp_path / "one" / name).read_text("utf-8")
        words = {text.strip() for text in ET.fromstring(drawn).itertext()}
        assert {"conveyor", "x"} <= words
        assert drawn == (tmp_path / "two" / name).read_text("utf-8")
    assert "36,000" in (tmp_path / "one" / "bars.svg").read_text("utf-8")
