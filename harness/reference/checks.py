"""Reference page of the checks: what each proves, its rules, and why they are right, from the check's own module."""

from __future__ import annotations

import sys
from inspect import getdoc

from harness.reference.markdown import anchor, table
from harness.scenario.questions import CHECKS


def checks() -> str:
    """Return the page on every check."""
    parts = [
        "# Checks",
        "Each check judges one property over the whole history of a run. Below its rules is the docstring of the module"
        " that judges: why the rules are right, how doubtful operations (`info`) and time limits are treated, and what "
        "it costs for n operations.",
        table(("check", "proves"), [(f"[`{name}`]({anchor(name)})", each.sentence) for name, each in CHECKS.items()]),
    ]
    for name, each in CHECKS.items():
        theory = getdoc(sys.modules[each.judge.__module__]) or ""
        parts += [f"## {name}", each.sentence]
        parts.append(table(("rule", "what a violation means"), each.rules.items()))
        parts.append(f"```text\n{theory}\n```")
    return "\n\n".join(parts) + "\n"
