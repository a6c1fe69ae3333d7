"""Places in the project, so that a test may move without counting folders."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "tests" / "services"
REFERENCE_CONTRACT = ROOT / "target_service" / "contract.yaml"
