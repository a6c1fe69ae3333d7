"""A scenario of the service of a stranger, for tests of what is refused, or ends, before the service is started."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def written(folder: Path, faults: list[dict[str, object]], start: dict[str, object] | None = None) -> Path:
    """Write scenario.yaml with these faults, and its contract with this `start`; return the scenario's path."""
    contract = yaml.safe_load((ROOT / "tests" / "services" / "stranger.yaml").read_text())
    contract["users"]["file"] = str(ROOT / "tests" / "services" / "users.csv")
    contract["start"] = start or contract["start"]
    (folder / "contract.yaml").write_text(yaml.safe_dump(contract))
    scenario = {
        "title": "t",
        "proves": "p",
        "target": {"contract": "contract.yaml"},
        "load": {"duration_s": 3, "mix": {"session": 1}},
        "faults": faults,
    }
    (folder / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    (folder / "c.yaml").touch()
    return folder / "scenario.yaml"
