"""The few pieces that every picture is drawn with. Whatever enters a picture as text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, log10

from markupsafe import Markup, escape


def n(value: float) -> str:
    """Return a coordinate to a tenth of a pixel, written the same on every machine."""
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def tag(name: str, body: Markup | str = "", /, **attributes: object) -> Markup:
    """Return one element.

    Args:
        name: The name of the element.
        body: What stands in it; plain text is escaped, markup is not.
        **attributes: `cls` becomes `class`, an underscore in a name becomes a hyphen, and None leaves an attribute out.
    """
    parts = [Markup("<") + Markup(name)]
    for key, value in attributes.items():
        if value is None:
            continue
        shown = n(value) if isinstance(value, int | float) else value
        parts.append(Markup(' {}="{}"').format("class" if key == "cls" else key.replace("_", "-"), shown))
    return Markup("").join(parts) + Markup(">") + escape(body) + Markup("</") + Markup(name) + Markup(">")


def join(parts: Iterable[Markup]) -> Markup:
    """Return pieces of markup one after another."""
    return Markup("").join(parts)


def text(x: float, y: float, body: str, cls: str, anchor: str | None = None) -> Markup:
    """Return a line of text.

    Args:
        x: Where the text is anchored, in pixels.
        y: The base line of the text, in pixels.
        body: The text.
        cls: The class that styles the text.
        anchor: `start`, `middle` or `end`; None for the start.
    """
    return tag("text", body, x=x, y=y, cls=cls, text_anchor=anchor)


def line(x0: float, y0: float, x1: float, y1: float, cls: str) -> Markup:
    """Return a straight line between two points."""
    return tag("line", x1=x0, y1=y0, x2=x1, y2=y1, cls=cls)


def box(x: float, y: float, wide: float, high: float, cls: str, title: str = "", **more: object) -> Markup:
    """Return a rectangle.

    Args:
        x: The left edge, in pixels.
        y: The upper edge, in pixels.
        wide: The width, in pixels.
        high: The height, in pixels.
        cls: The class that styles the rectangle.
        title: What a browser shows when the rectangle is pointed at.
        **more: Further attributes.
    """
    return tag("rect", tag("title", title) if title else "", x=x, y=y, width=wide, height=high, cls=cls, **more)


def picture(wide: float, high: float, label: str, parts: Iterable[Markup]) -> Markup:
    """Return a whole picture.

    Args:
        wide: The width of its coordinates.
        high: The height of its coordinates.
        label: The sentence that stands for the picture where it cannot be seen.
        parts: What is drawn, from back to front.
    """
    return tag(
        "svg",
        tag("title", label) + join(parts),
        viewBox=f"0 0 {n(wide)} {n(high)}",
        role="img",
        aria_label=label,
        cls="picture",
    )


def polyline(points: Sequence[tuple[float, float] | None], cls: str) -> Markup:
    """Return a line through points.

    Args:
        points: The points; the line is broken where one is None, and a point alone between two breaks is a dot.
        cls: The class that styles the line.
    """
    path, pen = [], "M"
    for place, point in enumerate(points):
        if point is None:
            pen = "M"
            continue
        path.append(f"{pen}{n(point[0])} {n(point[1])}")
        alone = pen == "M" and (place + 1 == len(points) or points[place + 1] is None)
        path.append("h0.01" if alone else "")
        pen = "L"
    return tag("path", d="".join(path), cls=cls)


def nice(highest: float, steps: int = 4) -> list[float]:
    """Return evenly spaced round values from 0 to `highest` or just above, in about `steps` steps."""
    if highest <= 0:
        return [0.0, 1.0]
    raw = highest / steps
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    return [round(number * step, 10) for number in range(ceil(round(highest / step, 6)) + 1)]


def decades(lowest: float, highest: float) -> list[float]:
    """Return powers of ten that enclose two positive values."""
    first, last = floor(log10(lowest)), ceil(log10(highest))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def share(value: float, lowest: float, highest: float) -> float:
    """Return where a positive value stands between two others on a logarithmic scale, from 0 to 1."""
    return log10(value / lowest) / log10(highest / lowest)
