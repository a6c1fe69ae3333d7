"""The lane picture of a witness as numbers: where each op, effect and fault stands. Nothing here draws.

One lane a client, in the order of its first op; the ledger's lane last. The order of all moments is exact, but
silences are shortened: what a witness shows is which op ended before which began, often milliseconds apart
within a run of half a minute. Every moment is a knot; the stretch between two knots is as wide as the logarithm
of its length, and never narrower than can be seen.
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
_NARROWEST = 0.35
_INSTANT_S = 0.004


class Scale:
    """Seconds to x: monotone, every knot apart from the next, long silences shortened."""

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
        """Where a moment stands; one outside the knots stands at the nearest end."""
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
    """An op from x0 to x1; `open`: nobody knows when, or whether, it took effect."""

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
    """An effect at the ledger, or a moment on the axis."""

    x: float
    label: str
    detail: str = ""
    label_x: float = 0.0
    level: int = 0


@dataclass(frozen=True)
class Shade:
    """A fault; `healed` False: its right edge is open."""

    band: Band
    x0: float
    x1: float
    landed_x: float | None
    healed: bool
    label_x: float
    level: int


@dataclass(frozen=True)
class Lane:
    """One client. `y`: where its bars' upper edge stands, below `levels` rows of labels."""

    name: str
    y: float
    levels: int
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True)
class Picture:
    """A witness laid out; all in px of a picture `WIDTH` wide and `height` high."""

    height: float
    head: float
    floor: float
    lanes: list[Lane]
    shades: list[Shade]
    effects: list[Tick]
    effects_y: float
    axis: list[Tick]


class Rows:
    """Places labels on the lowest row where they do not touch the one before."""

    def __init__(self, rightmost: float) -> None:
        self.ends: list[float] = []
        self.rightmost = rightmost

    def place(self, x: float, wide: float) -> tuple[float, int]:
        """The label's x, moved left where it would leave the picture, and its row."""
        x = max(0.0, min(x, self.rightmost - wide))
        for level, end in enumerate(self.ends):
            if x >= end:
                self.ends[level] = x + wide + 8
                return x, level
        self.ends.append(x + wide + 8)
        return x, len(self.ends) - 1


def layout(witness: Witness) -> Picture:
    """The geometry of one witness."""
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
    """A fault's name beside its band: 3 · kill replica-2."""
    return f"fault {band.number} · {cut(band.label, 30)}"


def _effects(witness: Witness, scale: Scale) -> list[Tick]:
    rows, ticks = Rows(WIDTH), []
    for effect in sorted(witness.effects, key=lambda effect: effect.at_s):
        label = cut(effect.id, 16) + (f" fence {cut(effect.fence, 8)}" if effect.fence else "")
        x = scale.x(effect.at_s)
        label_x, level = rows.place(x, width(label, 11))
        detail = f"effect {effect.id} at {effect.at_s:.3f} s, key {cut(effect.key, 200)}"
        ticks.append(Tick(x, label, detail, label_x, level))
    return ticks


def _axis(scale: Scale) -> list[Tick]:
    """The moments that have room for their time, from the left; the last one always has."""
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
