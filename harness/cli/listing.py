"""What `harness list` shows: everything a scenario can name, each with its one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from harness.cli.fields import fields_of, own_fields
from harness.contract.model import Contract
from harness.contract.read import read_contract
from harness.errors import UsageError
from harness.faults import FAULTS
from harness.faults.base import Fault
from harness.platforms import DESCRIPTIONS
from harness.properties import PROPERTIES
from harness.scenario import shipped
from harness.scenario.catalogue import read_catalogue
from harness.scenario.file import Evidence, Scenario, Slos
from harness.scenario.questions import CHECKS


def first_sentence(text: str | None) -> str:
    """Of a docstring, without its name."""
    whole = " ".join((text or "").split("\n\n")[0].split())
    return whole.partition(": ")[2] or whole


def scenarios(folder: Path) -> dict[str, str]:
    """Scenario files below `folder` with what each proves; an unreadable one says so."""
    found = {}
    for path in sorted(folder.glob("**/*.yaml")):
        try:
            data = yaml.safe_load(path.read_text(encoding="utf-8"))
            proves = data["proves"]
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
            proves = "(not a usable scenario: see `harness validate`)"
        found[shipped.shown(path)] = " ".join(str(proves).split())
    return found


def defects(contracts: list[Path]) -> dict[str, str]:
    """Defects of the catalogues that the contracts name."""
    found = {}
    for path in contracts:
        try:
            for defect in read_catalogue(read_contract(path), path):
                waits = f"; left out, waits for {defect.waits_for}" if defect.waits_for else ""
                found[defect.name] = f"{defect.title} (caught by {defect.check} in {defect.scenario}{waits})"
        except UsageError as error:
            found[str(path)] = str(error).splitlines()[0]
    return found


def everything(folder: Path, contracts: list[Path]) -> dict[str, dict[str, Any]]:
    """Section -> name -> sentence or default."""
    modules = {name: __import__(kind.__module__, fromlist=["_"]) for name, kind in FAULTS.items()}
    return {
        "scenarios": scenarios(folder),
        "faults": {name: first_sentence(module.__doc__) for name, module in modules.items()},
        "properties": {name: each.sentence for name, each in PROPERTIES.items()},
        "checks": {name: each.sentence for name, each in CHECKS.items()},
        "defects": defects(contracts),
        "platforms": {name: each.sentence for name, each in DESCRIPTIONS.items()},
        "thresholds of evidence (defaults)": Evidence().model_dump(),
        "SLOs (defaults)": Slos().model_dump(),
        "fields of a scenario": {
            name: default
            for name, default in fields_of(Scenario).items()
            if not name.startswith(("evidence.", "slos.", "faults"))
        },
        "fields of a fault": fields_of(Fault)
        | {f"{name} also": own for name, kind in FAULTS.items() if (own := own_fields(kind))},
        "fields of a contract": fields_of(Contract),
    }
