"""Writes down what a run is, before anything of it is started."""

from __future__ import annotations

from datetime import UTC, datetime

import harness
from harness.contract.model import SECRET_PLACES
from harness.redact import redact_yaml
from harness.run.events import RunDeclared
from harness.run.parts import Run
from harness.rundir import files


def declare(run: Run) -> None:
    """Copy scenario and contract into the run folder, without literal secrets, and tell what the run is.

    Raises:
        EnvironmentFailure: the record cannot be written.
    """
    plan, loaded = run.plan, run.plan.loaded
    (plan.folder / files.SCENARIO).write_text(redact_yaml(loaded.text), encoding="utf-8")
    contract = loaded.contract_path.read_text(encoding="utf-8")
    (plan.folder / files.CONTRACT).write_text(redact_yaml(contract, SECRET_PLACES), encoding="utf-8")
    run.telling.tell(
        RunDeclared(
            run=plan.run_id,
            scenario=loaded.name,
            title=loaded.scenario.title,
            seed=plan.seed,
            started=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            platform=plan.platform,
            harness=harness.__version__,
            defects=plan.options.defects,
            command=plan.options.command,
            attached=plan.attached,
            allowed=plan.options.allowed,
        )
    )
