"""The geometry of a witness: what came before stands before, and nothing leaves the picture."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from harness.report import parts
from harness.report.lanes import LEFT, RIGHT, WIDTH, Rows, Scale, layout
from harness.report.parts import Witness
from harness.report.timeline import Band
from tests.support.example_runs import DOUBLED, ZOMBIE

BANDS = [Band(9, "kill replica-6", "", 20.3, 21.9, 20.331), Band(8, "scale 3->5", "", 18.0, None)]


def witness(raw: dict[str, Any]) -> Witness:
    return parts.check({"witnesses": [raw]}, BANDS).witnesses[0]


def test_the_scale_keeps_the_order_of_moments_milliseconds_apart_in_half_a_minute() -> None:
    moments = [0.0, 29.0, 29.001, 29.002, 30.0]
    places = [Scale(moments, 100, 1000).x(moment) for moment in moments]
    assert places[0] == 100
    assert places[-1] == pytest.approx(1000)
    assert min(late - early for early, late in pairwise(places)) > 15


def test_a_moment_between_two_knots_stands_between_them() -> None:
    scale = Scale([1.0, 3.0], 0, 100)
    assert [scale.x(moment) for moment in (0.0, 1.0, 2.0, 3.0, 9.0)] == [0, 0, 50, 100, 100]


@pytest.mark.parametrize("moments", [[], [4.2]])
def test_a_scale_of_one_moment_or_none(moments: list[float]) -> None:
    assert Scale(moments, 10, 20).x(4.2) == 10


def test_labels_that_would_touch_stand_on_rows_of_their_own() -> None:
    rows = Rows(100)
    assert [rows.place(0, 40), rows.place(20, 40), rows.place(48, 30), rows.place(90, 40)] == [
        (0, 0),
        (20, 1),
        (48, 0),
        (60, 2),
    ]


def test_one_lane_a_client_in_the_order_of_first_ops() -> None:
    laid = layout(witness(DOUBLED))
    assert [lane.name for lane in laid.lanes] == ["4", "9", "31", "12"]
    assert [[bar.op.number for bar in lane.bars] for lane in laid.lanes] == [[1], [2, 3], [4], [5]]
    assert [bar.open for lane in laid.lanes for bar in lane.bars] == [True, False, True, False, False]
    never_returned = laid.lanes[1].bars[1]
    assert never_returned.x1 == WIDTH - RIGHT


def test_faults_and_effects_stand_on_the_same_axis() -> None:
    laid = layout(witness(DOUBLED))
    unhealed, kill = laid.shades if laid.shades[0].band.number == 8 else laid.shades[::-1]
    assert not unhealed.healed
    assert unhealed.x1 == WIDTH - RIGHT
    assert kill.landed_x is not None
    assert kill.x0 < kill.landed_x < kill.x1
    first_pay = laid.lanes[0].bars[0]
    assert first_pay.x0 < laid.effects[0].x < kill.x0 < first_pay.x1
    assert [tick.label for tick in laid.effects] == ["e-381", "e-388"]


def test_everything_stands_within_the_picture() -> None:
    for raw in (DOUBLED, ZOMBIE):
        laid = layout(witness(raw))
        bars = [bar for lane in laid.lanes for bar in lane.bars]
        assert all(LEFT <= bar.x0 < bar.x1 <= WIDTH - RIGHT + 3 for bar in bars)
        assert all(0 <= lane.y < laid.floor < laid.height for lane in laid.lanes)
        assert all(late.x - early.x >= 30 for early, late in pairwise(laid.axis))


def test_a_witness_of_nothing_can_be_laid_out() -> None:
    assert layout(witness({})).lanes == []
