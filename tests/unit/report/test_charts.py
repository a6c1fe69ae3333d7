"""The time line's pictures: on one axis, in proportion, and calm also when there is much to show."""

from __future__ import annotations

import re

import pytest

from harness.report import charts, svg
from harness.report.timeline import Band, Bin, Step, Timeline


def line_of(bins: list[Bin], steps: list[Step], bands: list[Band]) -> Timeline:
    return Timeline(0.0, 10.0, 10.0, 1.0, bins, 1.0, bins, steps, bands, any(s.workers for s in steps), 0)


BINS = [Bin(0.0, ok=100, p50_ms=2, p95_ms=20, p99_ms=200), Bin(1.0, ok=50, fail=25, info=25, timeout=5, broken=20)]


def test_bars_stack_in_proportion_to_the_rate() -> None:
    picture = charts.panels(line_of(BINS, [], []))[0].picture
    ok = re.search(r'd="(M[^"]+)" class="ok"', picture)
    fail = re.search(r'd="(M[^"]+)" class="fail"', picture)
    assert ok is not None
    assert fail is not None
    # The axis ends at 100 ops a second: 142 px stands for 0, 8 px for 100.
    assert ok.group(1) == "M58 142V8H158.4V142ZM158.4 142V75H258.8V142Z"
    assert fail.group(1) == "M158.4 75V41.5H258.8V75Z"


def test_latency_stands_on_a_logarithmic_scale_and_breaks_where_nothing_ended() -> None:
    picture = charts.panels(line_of(BINS, [], []))[2].picture
    points = {name: re.search(rf'd="M108.2 ([\d.]+)h0.01" class="{name}"', picture) for name in ("p50", "p95", "p99")}
    heights = [float(found.group(1)) for found in points.values() if found]
    assert len(heights) == 3
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.11)


def test_members_are_a_step_line() -> None:
    steps = [Step(0.0, 3, 0), Step(5.0, 2, 0)]
    panel = charts.panels(line_of([], steps, []))[0]
    assert [name for name, _ in panel.legend] == ["replicas"]
    assert re.search(r'd="M58 [\d.]+H560V[\d.]+H1062" class="replicas"', panel.picture)
    assert "Replicas ready: between 2 and 3" in panel.picture


def test_a_fault_is_shaded_at_the_same_place_in_every_panel() -> None:
    bands = [Band(1, "kill <b>", "", 2.5, 5.0, 2.6), Band(2, "pause x", "", 9.0, None)]
    line = line_of(BINS, [Step(0.0, 3, 0)], bands)
    pictures = [charts.header(line), *(panel.picture for panel in charts.panels(line))]
    assert len(pictures) == 5
    for picture in pictures:
        assert re.findall(r'<rect x="([\d.]+)" y="0" width="([\d.]+)" height="[\d.]+" class="band"', picture) == [
            ("309", "251"),
            ("961.6", "100.4"),
        ]
        assert "kill &lt;b&gt;, injected at 2.500 s, landed at 2.600 s, healed at 5.000 s" in picture
        assert "not seen to land, not seen to heal" in picture


def test_many_faults_are_numbered_instead_of_named() -> None:
    bands = [Band(n, f"kill replica-{n}", "", n / 10, n / 10 + 0.05) for n in range(1, 99)]
    header = charts.header(line_of([], [], bands))
    assert "<tspan>98</tspan>" in header
    height = re.search(r'viewBox="0 0 1080 (\d+)"', header)
    assert height is not None
    assert int(height.group(1)) < 120


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [(0, [0, 1]), (1, [0, 0.5, 1]), (100, [0, 50, 100]), (260, [0, 100, 200, 300]), (0.3, [0, 0.1, 0.2, 0.3])],
)
def test_round_values_reach_the_highest(highest: float, ticks: list[float]) -> None:
    assert svg.nice(highest, 3) == ticks
    assert svg.decades(0.7, 100) == [0.1, 1, 10, 100]
