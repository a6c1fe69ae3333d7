"""The report as a page: one HTML document that opens offline and runs nothing.

Jinja escapes every value; pictures arrive as markup that `harness.report.svg` escaped. The policy of the page forbids
scripts and every address, so that a text that slipped through could neither run nor fetch anything.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report import charts, pictures, text, view
from harness.rundir import write_whole
from harness.rundir.files import REPORT

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The content security policy of every page: no script, no address, the page's own styles."""

HEADLINES = {
    "valid": "What this run proves",
    "invalid": "What this run disproves",
    "unknown": "What this run could not prove",
}
EXIT_CODES = {
    0: "valid",
    1: "invalid",
    2: "a bad file or option",
    3: "valid, but a service level was missed",
    4: "unknown",
    5: "the environment failed",
    130: "interrupted",
}


def _headline(shown: view.View) -> str:
    """Return the heading above what the scenario claims.

    A run that never loaded the service, or did nothing to the service, has neither proved nor disproved the claim.
    """
    if shown.verdict != "valid" and not shown.landed:
        return "What this run was to prove"
    return HEADLINES[shown.verdict]


def render(shown: view.View) -> str:
    """Return the document of a view: the same bytes for the same view."""
    line = shown.timeline
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            view=shown,
            policy=POLICY,
            style=Markup(style()),
            headline=_headline(shown),
            exit_meaning=EXIT_CODES.get(shown.exit_code if shown.exit_code is not None else -1, ""),
            header=charts.header(line) if line else "",
            panels=charts.panels(line) if line else [],
        )
    )


def write(folder: Path) -> Path:
    """Write the report of a run folder, and return its path.

    Raises:
        UsageError: The folder has no results that can be read (`view.load`).
        EnvironmentFailure: The report cannot be written.
    """
    path = folder / REPORT
    write_whole(path, render(view.load(folder)).encode())
    return path


@cache
def environment() -> Environment:
    """Return the templates; every value that enters a template is escaped."""
    made = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        at=text.at, span=text.span, count=text.count, cut=text.cut, words=text.words, draw=pictures.draw
    )
    made.globals.update(plural=text.plural)
    return made


def style() -> str:
    """Return the style sheet of every page."""
    return (Path(__file__).parent / "templates" / "report.css").read_text("utf-8")
