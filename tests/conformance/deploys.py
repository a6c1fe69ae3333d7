"""Deploys a run, says so, and waits to be killed: `python -m tests.conformance.deploys FOLDER RUN_ID`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from harness.platforms.process.platform import ProcessPlatform
from harness.run.liveness import hold
from tests.support.conformance import deployment

folder, run_id = Path(sys.argv[1]), sys.argv[2]
with hold(run_id, folder):
    (folder / "run.jsonl").write_text(json.dumps({"e": "declared", "at": 1, "run": run_id}) + '\n{"e":"pha')
    platform = ProcessPlatform()
    platform.deploy(deployment(folder, run_id=run_id))
    platform.pause("replica-1")
    print("up", flush=True)
    time.sleep(60)
