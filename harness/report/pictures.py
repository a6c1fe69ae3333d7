"""Draws a witness as an inline picture: a lane for each client, its ops as bars, faults behind, effects below."""

from __future__ import annotations

from markupsafe import Markup

from harness.report import svg
from harness.report.charts import band_title
from harness.report.lanes import BAR, LABEL, LEFT, RIGHT, TOP, WIDTH, Bar, Lane, Picture, Shade, layout, shade_label
from harness.report.parts import Op, Witness
from harness.report.text import at, cut, plural

OUTCOMES = ("ok", "fail", "info")


def draw(witness: Witness) -> Markup:
    """Return the picture of one witness; nothing when the witness has neither ops nor effects."""
    if not witness.ops and not witness.effects:
        return Markup("")
    laid = layout(witness)
    parts = [_shade(shade, laid) for shade in laid.shades]
    parts += [_axis(laid)]
    parts += [_lane(lane) for lane in laid.lanes]
    parts += [_shade_label(shade) for shade in laid.shades]
    parts += _effects(laid)
    clients = plural(len(laid.lanes), "client")
    label = (
        f"{clients} with {plural(len(witness.ops), 'op')}, {plural(len(witness.effects), 'effect')} "
        f"and {plural(len(witness.bands), 'fault')}; the tables below list the same"
    )
    return svg.picture(WIDTH, laid.height, label, parts)


def op_title(op: Op) -> str:
    """Return one op in a sentence, which a browser shows when the op is pointed at."""
    end = "never returned" if op.return_s is None else f"returned at {at(op.return_s)}"
    doubt = "; it may take effect at any later time" if op.outcome == "info" else ""
    by = f" from {cut(op.replica, 80)}" if op.replica else ""
    return (
        f"op {op.number}, client {cut(op.client, 40)}: {cut(op.kind, 60)}, {op.outcome} ({cut(op.klass, 60)}){by}, "
        f"invoked at {at(op.invoke_s)}, {end}{doubt}"
    )


def _shade(shade: Shade, laid: Picture) -> Markup:
    high = laid.floor - TOP
    parts = [svg.box(shade.x0, TOP, shade.x1 - shade.x0, high, "band", band_title(shade.band))]
    parts.append(svg.line(shade.x0, TOP, shade.x0, laid.floor, "band-edge"))
    if shade.landed_x is not None and shade.landed_x - shade.x0 > 1:
        parts.append(svg.line(shade.landed_x, laid.head, shade.landed_x, laid.floor, "landed"))
    if shade.healed:
        parts.append(svg.line(shade.x1, TOP, shade.x1, laid.floor, "band-edge"))
    return svg.join(parts)


def _shade_label(shade: Shade) -> Markup:
    return svg.text(shade.label_x + 4, TOP + shade.level * 18 + 13, shade_label(shade.band), "fault-label")


def _axis(laid: Picture) -> Markup:
    parts = [svg.line(LEFT, laid.floor, WIDTH - RIGHT, laid.floor, "axis")]
    for tick in laid.axis:
        parts.append(svg.line(tick.x, laid.floor, tick.x, laid.floor + 5, "axis"))
        parts.append(svg.text(tick.x, laid.floor + 18, tick.label, "tick", "middle"))
    parts.append(svg.text(WIDTH - 2, laid.floor + 4, "seconds", "tick", "end"))
    return svg.join(parts)


def _lane(lane: Lane) -> Markup:
    middle = lane.y + BAR / 2
    parts = [
        svg.text(LEFT - 10, middle + 4, f"client {cut(lane.name, 8)}", "lane-label", "end"),
        svg.line(LEFT, middle, WIDTH - RIGHT, middle, "lane"),
    ]
    parts += [_bar(bar, lane) for bar in lane.bars]
    return svg.join(parts)


def _bar(bar: Bar, lane: Lane) -> Markup:
    outcome = bar.op.outcome if bar.op.outcome in OUTCOMES else "info"
    above = lane.y - 8 - bar.level * LABEL
    parts = [svg.tag("title", op_title(bar.op))]
    if bar.level or abs(bar.label_x - bar.x0) > 4:
        parts.append(svg.line(bar.x0 + 0.5, above - 8, bar.x0 + 0.5, lane.y, "leader"))
    if bar.open:
        end = WIDTH - RIGHT + 24
        parts.append(svg.box(bar.x1, lane.y, max(end - bar.x1, 1), BAR, "fade"))
        parts.append(svg.tag("path", d=_arrow(end, lane.y), cls="arrow"))
    parts.append(svg.box(bar.x0, lane.y, bar.x1 - bar.x0, BAR, f"op {outcome}", rx=2))
    parts.append(svg.text(bar.label_x, above - (11 if bar.under else 0), bar.label, "op-label"))
    if bar.under:
        parts.append(svg.text(bar.label_x, above, bar.under, "op-under"))
    return svg.tag("g", svg.join(parts))


def _arrow(x: float, y: float) -> str:
    return f"M{svg.n(x)} {svg.n(y + 2)}l9 {svg.n(BAR / 2 - 2)}l-9 {svg.n(BAR / 2 - 2)}"


def _effects(laid: Picture) -> list[Markup]:
    if not laid.effects:
        return []
    middle = laid.effects_y + BAR / 2
    parts = [
        svg.text(LEFT - 10, middle + 4, "ledger", "lane-label", "end"),
        svg.line(LEFT, middle, WIDTH - RIGHT, middle, "lane"),
    ]
    for tick in laid.effects:
        mark = f"M{svg.n(tick.x)} {svg.n(middle - 8)}l6 8l-6 8l-6 -8Z"
        level = laid.effects_y - 5 - tick.level * 16
        parts.append(
            svg.tag(
                "g",
                svg.tag("title", tick.detail)
                + svg.tag("path", d=mark, cls="effect")
                + svg.text(tick.label_x, level, tick.label, "op-under"),
            )
        )
    return parts
