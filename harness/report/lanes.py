"""Lays the picture of a witness out as numbers: where each op, effect and fault stands. Nothing is drawn here.

There is one lane for each client, in the order of the clients' first ops; the ledger's lane comes last. The order of
all moments is exact, but silences are shortened: a witness shows which op ended before which other op began, often
milliseconds apart within a run of half a minute. Each moment is a knot. The stretch between two knots is as wide as the
logarithm of its length, and never too narrow to be seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import log1p

from harness.report.parts import Op, Witness
from harness.report.text import cut, width
from harness.report.timeline import Band

WIDTH, LEFT, RIGHT = 1080.0, 96.0, 56.0
LABEL, BAR, TOP, FOOT = 28.0, 14.0, 8.0, 30.0
# The least width of a stretch, and the length in seconds from which a stretch begins to be shortened.
_NARROWEST = 0.35
_INSTANT_S = 0.004


class Scale:
    """Maps seconds to pixels: later moments stand further right, knots stay apart, and long silences are shortened.

    Args:
        moments: The moments to keep apart, in seconds.
        left: Where the first moment stands, in pixels.
        right: Where the last moment stands, in pixels.
    """

    def __init__(self, moments: Iterable[float], left: float, right: float) -> None:
        self.knots = sorted(set(moments)) or [0.0]
        gaps = [
            _NARROWEST + log1p((late - early) / _INSTANT_S)
            for early, late in zip(self.knots, self.knots[1:], strict=False)
        ]
        unit = (right - left) / (sum(gaps) or 1.0)
        self.places = [left]
        for gap in gaps:
            self.places.append(self.places[-1] + gap * unit)

    def x(self, moment: float) -> float:
        """Return where a moment stands, in pixels; a moment outside the knots stands at the nearest end."""
        after = bisect_right(self.knots, moment)
        if after == 0:
            return self.places[0]
        if after == len(self.knots):
            return self.places[-1]
        early, late = self.knots[after - 1], self.knots[after]
        part = (moment - early) / (late - early)
        return self.places[after - 1] + part * (self.places[after] - self.places[after - 1])


@dataclass(frozen=True)
class Bar:
    """One op from `x0` to `x1`.

    Attributes:
        op: The op.
        x0: Where the bar begins.
        x1: Where the bar ends.
        open: Whether nobody knows when, or if at all, the op took effect.
        label: The first line above the bar.
        under: The second line above the bar; empty for none.
        label_x: Where the lines begin.
        level: The row of the lines, from 0 just above the bar.
    """

    op: Op
    x0: float
    x1: float
    open: bool
    label: str
    under: str
    label_x: float
    level: int


@dataclass(frozen=True)
class Tick:
    """An effect at the ledger, or a moment on the axis.

    Attributes:
        x: Where the mark stands.
        label: What is written beside the mark.
        detail: What a browser shows when the mark is pointed at.
        label_x: Where the label begins.
        level: The row of the label, from 0 just above the mark.
    """

    x: float
    label: str
    detail: str = ""
    label_x: float = 0.0
    level: int = 0


@dataclass(frozen=True)
class Shade:
    """One fault from `x0` to `x1`.

    Attributes:
        band: The fault.
        x0: Where the fault was injected.
        x1: Where the fault ended; the end of the picture when it was not seen to heal.
        landed_x: Where the fault was seen to take effect; None when it was not.
        healed: Whether the fault was seen to heal; if not, its right edge is open.
        label_x: Where the fault's name begins.
        level: The row of the name, from 0 at the top.
    """

    band: Band
    x0: float
    x1: float
    landed_x: float | None
    healed: bool
    label_x: float
    level: int


@dataclass(frozen=True)
class Lane:
    """One client.

    Attributes:
        name: The client.
        y: The upper edge of the bars.
        levels: How many rows of labels there are above the bars.
        bars: The client's ops.
    """

    name: str
    y: float
    levels: int
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Picture:
    """A witness laid out, in pixels of a picture that is `WIDTH` wide and `height` high.

    Attributes:
        height: The height of the picture.
        head: Where the lanes begin, below the names of the faults.
        floor: Where the axis stands.
        lanes: The clients.
        shades: The faults.
        effects: The effects.
        effects_y: The upper edge of the ledger's lane.
        axis: The moments that are written below the axis.
    """

    height: float
    head: float
    floor: float
    lanes: list[Lane]
    shades: list[Shade]
    effects: list[Tick]
    effects_y: float
    axis: list[Tick]


class Rows:
    """Places labels on the lowest row on which they do not touch the label before.

    Args:
        rightmost: Where the picture ends; no label reaches further.
    """

    def __init__(self, rightmost: float) -> None:
        self.ends: list[float] = []
        self.rightmost = rightmost

    def place(self, x: float, wide: float) -> tuple[float, int]:
        """Return where a label begins (moved left where it would leave the picture), and its row."""
        x = max(0.0, min(x, self.rightmost - wide))
        for level, end in enumerate(self.ends):
            if x >= end:
                self.ends[level] = x + wide + 8
                return x, level
        self.ends.append(x + wide + 8)
        return x, len(self.ends) - 1


def layout(witness: Witness) -> Picture:
    """Return where everything in the picture of one witness stands."""
    scale = Scale(_moments(witness), LEFT, WIDTH - RIGHT)
    shades = _shades(witness.bands, scale)
    rows = max((shade.level + 1 for shade in shades), default=0)
    y = head = TOP + rows * 18.0
    lanes: list[Lane] = []
    for client in dict.fromkeys(op.client for op in witness.ops):
        lane = _lane(client, [op for op in witness.ops if op.client == client], scale, y)
        lanes.append(lane)
        y = lane.y + BAR + 12
    effects = _effects(witness, scale)
    if effects:
        y += 16 * max(tick.level + 1 for tick in effects) + 4
    effects_y = y
    floor = y + (BAR + 8 if effects else 0)
    return Picture(floor + FOOT, head, floor, lanes, shades, effects, effects_y, _axis(scale))


def _moments(witness: Witness) -> list[float]:
    moments = [op.invoke_s for op in witness.ops]
    moments += [op.return_s for op in witness.ops if op.return_s is not None]
    moments += [effect.at_s for effect in witness.effects]
    for band in witness.bands:
        moments += [moment for moment in (band.start_s, band.landed_s, band.end_s) if moment is not None]
    return moments


def _lane(client: str, ops: list[Op], scale: Scale, top: float) -> Lane:
    rows, bars = Rows(WIDTH), []
    for op in ops:
        x0 = scale.x(op.invoke_s)
        x1 = scale.x(op.return_s) if op.return_s is not None else WIDTH - RIGHT
        label, under = f"{op.number} {cut(op.kind, 18)} {cut(op.klass, 14)}", cut(op.replica, 22)
        label_x, level = rows.place(x0, max(width(label, 13.5), width(under)))
        bars.append(Bar(op, x0, max(x1, x0 + 3), op.outcome == "info", label, under, label_x, level))
    levels = max(len(rows.ends), 1)
    return Lane(client, top + 10 + levels * LABEL, levels, bars)


def _shades(bands: list[Band], scale: Scale) -> list[Shade]:
    rows, shades = Rows(WIDTH), []
    for band in bands:
        x0 = scale.x(band.start_s)
        x1 = scale.x(band.end_s) if band.end_s is not None else WIDTH - RIGHT
        label_x, level = rows.place(x0, width(shade_label(band), 13))
        landed = scale.x(band.landed_s) if band.landed_s is not None else None
        healed = band.end_s is not None
        shades.append(Shade(band, x0, max(x1, x0 + 2), landed, healed, label_x, level))
    return shades


def shade_label(band: Band) -> str:
    """Return the name of a fault beside its stretch of time, such as `fault 3 · kill replica-2`."""
    return f"fault {band.number} · {cut(band.label, 30)}"


def _effects(witness: Witness, scale: Scale) -> list[Tick]:
    rows, ticks = Rows(WIDTH), []
    for effect in sorted(witness.effects, key=lambda effect: effect.at_s):
        label = cut(effect.id, 16) + (f" fence {cut(effect.fence, 8)}" if effect.fence else "")
        x = scale.x(effect.at_s)
        label_x, level = rows.place(x, width(label, 11))
        detail = f"effect {effect.id}, accepted at {effect.at_s:.3f} s, key {cut(effect.key, 200)}"
        ticks.append(Tick(x, label, detail, label_x, level))
    return ticks


def _axis(scale: Scale) -> list[Tick]:
    """Return the moments that have room for their time, from the left; the last moment always has."""
    labels = [f"{knot:.3f}" for knot in scale.knots]
    ticks: list[Tick] = []
    for x, label in zip(scale.places, labels, strict=True):
        if not ticks or x - ticks[-1].x >= 52:
            ticks.append(Tick(x, label))
    if ticks[-1].x < scale.places[-1]:
        if len(ticks) > 1 and scale.places[-1] - ticks[-1].x < 52:
            ticks.pop()
        ticks.append(Tick(scale.places[-1], labels[-1]))
    return ticks
