"""No token, password or key of a user stands in clear in any file of a run folder, as spies in the services know."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.places import ROOT, SERVICES, Place, Run, scenario, stranger, why

pytestmark = pytest.mark.slow


def secrets_in(run: Run, spied: Path) -> dict[str, list[str]]:
    """File of the run folder to the kinds of secrets that stand in it."""
    known = sorted(set(spied.read_bytes().split(b"\n")) - {b""})
    assert len(known) > 30 and min(map(len, known)) >= 16, "the spy saw the secrets of the run"
    found: dict[str, list[str]] = {}
    for path in sorted(run.folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        inside = [each for each in known if each in content]
        if inside:
            found[path.name] = [each.decode() for each in inside[:3]]
    logs = b"".join(path.read_bytes() for path in run.folder.glob("logs/replica-*.log"))
    assert logs.count(b"[masked]") > 30, "the service printed them, and they were taken out"
    return found


def test_the_strangers_secrets_are_nowhere(place: Place, tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    contract = stranger(tmp_path, "spied.py", "stranger", SPY=str(spy))
    run = place.run(
        scenario(tmp_path, contract, load={"users": 16, "mix": {"session": 3, "idempotency": 1, "hostile": 1}})
    )
    assert run.process.returncode in (0, 4), run.said() + why(run.results())
    assert secrets_in(run, spy) == {}


def test_the_reference_services_secrets_are_nowhere(place: Place, tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    contract = yaml.safe_load((ROOT / "target_service" / "contract.yaml").read_text())
    contract["start"] |= {"directory": str(ROOT)}
    contract["start"]["replica"] = {
        "command": ["{python}", str(SERVICES / "spied.py"), "target"],
        "environment": {"SPY": str(spy), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
    }
    contract["defects"] = None
    path = tmp_path / "contract.yaml"
    path.write_text(yaml.safe_dump(contract))
    run = place.run(
        scenario(
            tmp_path,
            path,
            target={"workers": 1},
            load={"mix": {"session": 3, "idempotency": 1, "job": 1, "hostile": 1}},
        )
    )
    assert run.process.returncode in (0, 4), run.said() + why(run.results())
    seen = spy.read_text()
    assert "eyJ" in seen and len({line for line in seen.split("\n") if len(line) == 24}) >= 24, "tokens and passwords"
    assert secrets_in(run, spy) == {}
