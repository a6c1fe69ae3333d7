"""The page of `harness prove`: which check caught which seeded defect, how soon, and how the clean service came out."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from harness.report import html


def render(found: dict[str, Any]) -> str:
    """Return the page of a `matrix.json`: the same bytes for the same document, offline and without scripts."""
    template = html.environment().get_template("matrix.html.j2")
    rows = [{**row, "cells": [_cell(row, name) for name in found["checks"]]} for row in found["defects"]]
    good = found["caught"] == found["total"] and not found["false_alarms"]
    return template.render(
        found=found,
        rows=rows,
        verdict="valid" if good else "invalid",
        policy=html.POLICY,
        style=Markup(html.style()),
    )


def _cell(row: dict[str, Any], check: str) -> dict[str, Any]:
    """Return one square of the table: how often a check found one defect, and how soon."""
    hits = [run["by"][check] for run in row["runs"] if check in run["by"]]
    told = [hit for hit in hits if hit]
    return {
        "check": check,
        "hits": len(hits),
        "of": len(row["runs"]),
        "own": check == row["expected_check"],
        "at_s": _range([hit["at_s"] for hit in told], ".1f"),
        "ops": _range([hit["ops"] for hit in told], ",.0f"),
    }


def _range(values: list[float], form: str) -> str:
    low, high = (format(value, form) for value in (min(values), max(values))) if values else ("–", "–")
    return low if low == high else f"{low} to {high}"
