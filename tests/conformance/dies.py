"""Deploys a run, injects one fault and is killed at a point of it.

Started as `python -m tests.conformance.dies FOLDER RUN_ID KIND EVENT`.

At `injected` the undo record is on disk and nothing was done yet; at `landed` all was done and nobody has written so.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from harness.faults import FAULTS
from harness.faults.nemesis import Nemesis
from harness.faults.schedule import plan
from harness.platforms.process.platform import ProcessPlatform
from harness.run.liveness import hold
from harness.rundir import Record
from harness.rundir.faults import FaultRecord
from harness.supervision.supervisor import Supervisor
from tests.support.conformance import deployment

folder, run_id, kind, point = Path(sys.argv[1]), *sys.argv[2:]
parameters = {"pause": {"for": 60}, "scale": {"to": 1}}.get(kind, {})
write = FaultRecord.write


def dying(self: FaultRecord, event: str, fault: int, **members: Any) -> None:
    if event != point or point == "injected":
        write(self, event, fault, **members)
    if event == point:
        os.kill(os.getpid(), signal.SIGKILL)


with hold(run_id, folder):
    Record(folder / "run.jsonl").write("declared", run=run_id, platform=ProcessPlatform.name)
    platform = ProcessPlatform()
    platform.deploy(deployment(folder, run_id=run_id, workers=0))
    supervisor = Supervisor(platform, {"replica": 2}, lambda members: None, replace_after_s=0.1)
    supervisor.start()
    FaultRecord.write = dying  # type: ignore[method-assign]
    fault = FAULTS[kind].model_validate({"kind": kind, "at": 0, **parameters})
    Nemesis(plan([fault], 5, 1), platform, supervisor, folder / "faults.jsonl").start(time.monotonic_ns())
    time.sleep(60)
