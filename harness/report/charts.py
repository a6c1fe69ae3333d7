"""Draws the time line as inline pictures: one time axis for all of them, the faults shaded in each, no script.

Each panel is a picture of its own, with a sentence for those who cannot see the picture. All panels stand in one
scrolling frame, so that they move together on a narrow screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from harness.report import svg
from harness.report.lanes import Rows
from harness.report.text import at, count, cut, plural, width
from harness.report.timeline import Band, Bin, Timeline

WIDTH, LEFT, RIGHT = 1080.0, 58.0, 18.0
PAD = 8.0
MOST_LABEL_ROWS = 4
"""How many rows of fault names there are at most; beyond that the faults are numbered."""


@dataclass(frozen=True)
class Panel:
    """One drawn panel.

    Attributes:
        heading: The heading of the panel.
        note: What is drawn, in a few words.
        legend: What each colour means, as pairs (class, words).
        picture: The picture.
    """

    heading: str
    note: str
    legend: list[tuple[str, str]]
    picture: Markup


@dataclass(frozen=True)
class _Plot:
    """The axes of one panel: time to the right, and the height of the panel in pixels."""

    line: Timeline
    high: float

    def x(self, moment: float) -> float:
        length = self.line.end_s - self.line.start_s
        return LEFT + (moment - self.line.start_s) / length * (WIDTH - LEFT - RIGHT)

    def span(self, part: Bin) -> tuple[float, float]:
        return self.x(part.start_s), self.x(min(part.start_s + self.line.bin_s, self.line.end_s))

    def grid(self, values: list[float], y: Callable[[float], float], shown: Callable[[float], str]) -> Markup:
        rows = []
        for value in values:
            rows.append(svg.line(LEFT, y(value), WIDTH - RIGHT, y(value), "grid"))
            rows.append(svg.text(LEFT - 8, y(value) + 4, shown(value), "tick", "end"))
        return svg.join(rows)

    def bands(self) -> Markup:
        return svg.join(self._band(band) for band in self.line.bands)

    def _band(self, band: Band) -> Markup:
        x0 = self.x(max(band.start_s, self.line.start_s))
        x1 = self.x(min(band.end_s if band.end_s is not None else self.line.end_s, self.line.end_s))
        shade = svg.box(x0, 0, max(x1 - x0, 2), self.high, "band", band_title(band))
        return shade + svg.line(x0, 0, x0, self.high, "band-edge")


def band_title(band: Band) -> str:
    """Return a fault in one sentence: what was done, and when it was injected, landed and healed."""
    healed = f"healed at {at(band.end_s)}" if band.end_s is not None else "not seen to heal"
    landed = f"landed at {at(band.landed_s)}" if band.landed_s is not None else "not seen to land"
    detail = f" ({cut(band.detail, 200)})" if band.detail else ""
    return f"fault {band.number}: {cut(band.label, 200)}, injected at {at(band.start_s)}, {landed}, {healed}{detail}"


def panels(line: Timeline) -> list[Panel]:
    """Return the panels for which there is something to show, from the top."""
    drawn = []
    if line.bins:
        drawn.append(_rate(line))
        if any(part.info for part in line.bins):
            drawn.append(_doubtful(line))
        if any(part.p50_ms is not None for part in line.bins):
            drawn.append(_latency(line))
    if line.steps:
        drawn.append(_members(line))
    return drawn


def header(line: Timeline) -> Markup:
    """Return the strip above the panels: the names of the faults, and the time axis."""
    rows, labels = _labels(line, full=True)
    if rows > MOST_LABEL_ROWS:
        rows, labels = _labels(line, full=False)
    plot = _Plot(line, max(rows, 1) * 17 + 30.0)
    parts = [plot.bands()]
    for label in labels:
        foot = label.level * 17 + 13.0
        if label.level:
            parts.append(svg.line(label.x, 0, label.x, foot + 1, "band-edge"))
        body = svg.tag("tspan", label.text) + svg.tag("title", band_title(label.band))
        parts.append(svg.tag("text", body, x=label.text_x, y=foot, cls="fault-label"))
    parts.append(_axis(plot, plot.high))
    named = "; ".join(f"{band.number} {cut(band.label, 40)} at {at(band.start_s)}" for band in line.bands)
    return svg.picture(WIDTH, plot.high, f"Faults over time: {named or 'none'}", parts)


@dataclass(frozen=True)
class _Label:
    """The name of a fault, above its stretch of time."""

    band: Band
    text: str
    x: float
    text_x: float
    level: int


def _labels(line: Timeline, full: bool) -> tuple[int, list[_Label]]:
    """Return how many rows the names of the faults need, and the names.

    Args:
        line: The time line.
        full: Whether to name the faults; bare numbers are for runs whose names would fill the page.
    """
    rows, plot, labels = Rows(WIDTH), _Plot(line, 0), []
    for band in line.bands:
        x = plot.x(max(band.start_s, line.start_s))
        name = f"{band.number} {cut(band.label, 22)}" if full else str(band.number)
        labels.append(_Label(band, name, x, *rows.place(x + 3, width(name, 13))))
    return len(rows.ends), labels


def _axis(plot: _Plot, high: float) -> Markup:
    line = plot.line
    parts = [svg.line(LEFT, high - 1, WIDTH - RIGHT, high - 1, "axis")]
    for value in svg.nice(line.end_s, 10):
        if value <= line.end_s:
            parts.append(svg.line(plot.x(value), high - 6, plot.x(value), high - 1, "axis"))
            parts.append(svg.text(plot.x(value), high - 10, f"{count(value)} s", "tick", "middle"))
    if line.load_end_s < line.end_s:
        x = plot.x(line.load_end_s)
        parts.append(svg.line(x, high - 26, x, high - 1, "load-end"))
    return svg.join(parts)


def _load_end(plot: _Plot) -> Markup:
    if plot.line.load_end_s >= plot.line.end_s:
        return Markup("")
    x = plot.x(plot.line.load_end_s)
    return svg.line(x, 0, x, plot.high, "load-end")


def _stack(plot: _Plot, y: Callable[[float], float], layers: list[tuple[str, Callable[[Bin], int]]]) -> Markup:
    """Return stacked bars, one for each slice of time, as one path for each layer; the lowest layer comes first."""
    floor = [0.0] * len(plot.line.bins)
    drawn = []
    for cls, value in layers:
        path = []
        for place, part in enumerate(plot.line.bins):
            rate = value(part) / plot.line.bin_s
            if not rate:
                continue
            x0, x1 = plot.span(part)
            low, high = y(floor[place]), y(floor[place] + rate)
            path.append(f"M{svg.n(x0)} {svg.n(low)}V{svg.n(high)}H{svg.n(x1)}V{svg.n(low)}Z")
            floor[place] += rate
        if path:
            drawn.append(svg.tag("path", d="".join(path), cls=cls))
    return svg.join(drawn)


def _hover(plot: _Plot, sentence: Callable[[Bin], str]) -> Markup:
    """Return clear rectangles over the slices of time, which show their numbers when they are pointed at."""
    return svg.join(
        svg.box(x0, 0, x1 - x0, plot.high, "hover", f"{at(part.start_s)}: {sentence(part)}")
        for part in plot.line.bins
        if part.total
        for x0, x1 in [plot.span(part)]
    )


def _linear(high: float, ticks: list[float]) -> Callable[[float], float]:
    return lambda value: high - PAD - value / ticks[-1] * (high - 2 * PAD)


def _rate(line: Timeline) -> Panel:
    high = 150.0
    plot, most = _Plot(line, high), max(part.total for part in line.bins) / line.bin_s
    ticks = svg.nice(most)
    y = _linear(high, ticks)
    layers: list[tuple[str, Callable[[Bin], int]]] = [
        ("ok", lambda part: part.ok),
        ("fail", lambda part: part.fail),
        ("info", lambda part: part.info),
    ]
    mean = sum(part.total for part in line.bins) / line.end_s
    label = (
        f"Rate of ops: {count(round(mean, 1))} a second on average, {count(round(most, 1))} a second at most, "
        f"in {plural(len(line.bins), 'slice')} of {count(line.bin_s)} s"
    )
    parts = [
        plot.bands(),
        plot.grid(ticks, y, count),
        _stack(plot, y, layers),
        _load_end(plot),
        _hover(plot, lambda part: f"{part.ok} ok, {part.fail} fail, {part.info} info in {count(line.bin_s)} s"),
    ]
    legend = [
        ("ok", "ok: took effect"),
        ("fail", "fail: provably no effect"),
        ("info", "info: nobody knows whether it took effect"),
    ]
    return Panel("Rate", "ops a second, by outcome", legend, svg.picture(WIDTH, high, label, parts))


def _doubtful(line: Timeline) -> Panel:
    high = 84.0
    plot = _Plot(line, high)
    ticks = svg.nice(max(part.info for part in line.bins) / line.bin_s, 2)
    y = _linear(high, ticks)
    layers: list[tuple[str, Callable[[Bin], int]]] = [
        ("broken", lambda part: part.broken),
        ("timeout", lambda part: part.timeout),
        ("answered", lambda part: part.answered),
    ]
    broken, timeout = sum(part.broken for part in line.bins), sum(part.timeout for part in line.bins)
    total = sum(part.info for part in line.bins)
    label = f"Errors: {broken} broken connections, {timeout} time-outs, {total - broken - timeout} error answers"
    parts = [
        plot.bands(),
        plot.grid(ticks, y, count),
        _stack(plot, y, layers),
        _load_end(plot),
        _hover(plot, lambda p: f"{p.broken} broken, {p.timeout} timed out, {p.answered} error answers"),
    ]
    legend = [
        ("broken", "broken connection"),
        ("timeout", "time-out"),
        ("answered", "error or unexpected answer"),
    ]
    return Panel(
        "Errors", "ops a second with the outcome info, by cause", legend, svg.picture(WIDTH, high, label, parts)
    )


def _latency(line: Timeline) -> Panel:
    high = 150.0
    plot = _Plot(line, high)
    found = [ms for p in line.bins for ms in (p.p50_ms, p.p95_ms, p.p99_ms) if ms is not None]
    ticks = svg.decades(max(min(found), 0.1), max(max(found), 0.2))

    def y(ms: float) -> float:
        return high - PAD - svg.share(max(ms, ticks[0]), ticks[0], ticks[-1]) * (high - 2 * PAD)

    quantiles: list[tuple[str, str, Callable[[Bin], float | None]]] = [
        ("p50", "p50", lambda part: part.p50_ms),
        ("p95", "p95", lambda part: part.p95_ms),
        ("p99", "p99", lambda part: part.p99_ms),
    ]
    parts = [plot.bands(), plot.grid(ticks, y, _milliseconds), _load_end(plot)]
    for cls, _, value in reversed(quantiles):
        points = [None if (ms := value(part)) is None else (sum(plot.span(part)) / 2, y(ms)) for part in line.bins]
        parts.append(svg.polyline(points, cls))
    parts.append(
        _hover(plot, lambda p: f"p50 {count(p.p50_ms)} ms, p95 {count(p.p95_ms)} ms, p99 {count(p.p99_ms)} ms")
    )
    worst = max((part.p99_ms for part in line.bins if part.p99_ms is not None), default=0.0)
    label = f"Latency quantiles on a logarithmic scale; the worst p99 of a slice is {count(round(worst, 1))} ms"
    legend = [("p50", "p50: half were faster"), ("p95", "p95: 95 % were faster"), ("p99", "p99: 99 % were faster")]
    return Panel("Latency", "logarithmic scale, all ops that ended", legend, svg.picture(WIDTH, high, label, parts))


def _milliseconds(ms: float) -> str:
    return f"{count(ms / 1000)} s" if ms >= 1000 else f"{count(ms)} ms"


def _members(line: Timeline) -> Panel:
    high = 96.0
    plot = _Plot(line, high)
    most = max(max(step.replicas, step.workers) for step in line.steps)
    ticks = [float(value) for value in svg.nice(max(most, 1), 3) if float(value).is_integer()]
    y = _linear(high, ticks if ticks[-1] >= most else [0.0, float(most)])
    parts = [plot.bands(), plot.grid(ticks, y, count), _load_end(plot)]
    legend = [("replicas", "replicas ready")]
    if line.workers:
        legend.append(("workers", "workers ready"))
        parts.append(_steps(plot, [(step.at_s, y(step.workers) + 1.5) for step in line.steps], "workers"))
    parts.append(_steps(plot, [(step.at_s, y(step.replicas) - 1.5) for step in line.steps], "replicas"))
    parts.extend(_member_hovers(plot))
    least = min(step.replicas for step in line.steps)
    label = f"Replicas ready: between {least} and {max(step.replicas for step in line.steps)}"
    return Panel("Members", "members ready at each moment", legend, svg.picture(WIDTH, high, label, parts))


def _member_hovers(plot: _Plot) -> list[Markup]:
    ends = [*(step.at_s for step in plot.line.steps[1:]), plot.line.end_s]
    return [
        svg.box(
            plot.x(step.at_s),
            0,
            plot.x(end) - plot.x(step.at_s),
            plot.high,
            "hover",
            f"from {at(step.at_s)}: {plural(step.replicas, 'replica')} and {plural(step.workers, 'worker')} ready",
        )
        for step, end in zip(plot.line.steps, ends, strict=True)
        if end > step.at_s
    ]


def _steps(plot: _Plot, points: list[tuple[float, float]], cls: str) -> Markup:
    path = f"M{svg.n(plot.x(points[0][0]))} {svg.n(points[0][1])}"
    for moment, high in points[1:]:
        path += f"H{svg.n(plot.x(moment))}V{svg.n(high)}"
    return svg.tag("path", d=f"{path}H{svg.n(plot.x(plot.line.end_s))}", cls=cls)
