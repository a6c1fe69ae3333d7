"""Reference page of the checks: what each proves, with its rules as the check's own module states them."""

from __future__ import annotations

import sys
from inspect import getdoc

from harness.judging.registry import CHECKS, PROVES
from harness.reference.markdown import anchor, table


def checks() -> str:
    """Return the page on every check with its theory."""
    parts = [
        "# Checks",
        "Each check judges one property over the whole history of a run. Its text below is the docstring of the module "
        "that does it: the rules, why they are right, how doubtful operations (`info`) and time limits are treated, "
        "and what it costs for n operations.",
        table(("check", "proves that"), [(f"[`{name}`]({anchor(name)})", PROVES[name]) for name in CHECKS]),
    ]
    for name, check in CHECKS.items():
        theory = getdoc(sys.modules[check.__module__]) or ""
        parts += [f"## {name}", f"```text\n{theory}\n```"]
    return "\n\n".join(parts) + "\n"
