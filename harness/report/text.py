"""Makes foreign text and numbers fit to be read. Nothing here escapes: the markup does that, once, at the edge.

A run folder holds texts that a stranger's service chose: names, keys, error messages. They may carry control
characters, direction overrides that make one name look like another, or lone surrogates that no file can hold. Each
such character is shown by its number, so that the reader sees what was there.
"""

from __future__ import annotations

import math
import unicodedata

LONGEST = 4000
"""How many characters of one text are kept; the rest stays in results.json, and the report says so."""

_INVISIBLE = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}


def clean(value: object, longest: int = LONGEST) -> str:
    """Return a value as visible text.

    A tab becomes a space, a newline stays, and a character that cannot be seen becomes its number, such as ⟨U+202E⟩.

    Args:
        value: Any value of a JSON file.
        longest: How many characters are kept; the text says how many more there are.
    """
    text = value if isinstance(value, str) else show(value)
    rest = len(text) - longest
    kept = "".join(_visible(char) for char in text[:longest].replace("\r\n", "\n").replace("\t", " "))
    return f"{kept} … ({rest:,} more characters in results.json)" if rest > 0 else kept


def _visible(char: str) -> str:
    if char == "\n" or (char.isascii() and char.isprintable()):
        return char
    return f"⟨U+{ord(char):04X}⟩" if unicodedata.category(char) in _INVISIBLE else char


def cut(text: str, most: int) -> str:
    """Return a text as one line of at most `most` characters, with an ellipsis where something is missing."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def width(text: str, size: float = 11.0) -> float:
    """Return about how many pixels wide a text is in a system font of `size` pixels; rather too many than too few."""
    wide = sum(1 for char in text if unicodedata.east_asian_width(char) in "WF")
    return (0.56 * (len(text) - wide) + 1.02 * wide) * size


def count(value: float | None) -> str:
    """Return a number as people write it: `12,345`, `0.0123`; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.3g}"


def at(seconds: float | None) -> str:
    """Return a moment since the load began to the millisecond: `12.345 s`; a dash for None."""
    return "–" if seconds is None else f"{seconds:.3f} s"


def span(seconds: float | None) -> str:
    """Return a length of time as people say it: `350 ms`, `4.2 s`, `2 min 5 s`; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{count(round(seconds * 1000, 1))} ms"
    if seconds < 100:
        return f"{count(round(seconds, 1))} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def show(value: object) -> str:
    """Return any value of a JSON file as one text; the parts of lists and objects are joined by commas."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return count(value) if isinstance(value, int) or math.isfinite(value) else "–"
    if isinstance(value, dict):
        return ", ".join(f"{words(str(key))} {show(part)}" for key, part in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(show(part) for part in value) or "–"
    return str(value)


def words(name: str) -> str:
    """Return the name of a field as words: `in flight` for `in_flight`."""
    return name.replace("_", " ")


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 op`, `2 ops`.

    Args:
        number: How many there are.
        one: The noun for one.
        many: The noun for any other number; None for `one` with an s.
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
