"""Deploys a run, says so, and waits to be killed: `python deploys.py FOLDER RUN_ID`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from conformance.support import deployment  # noqa: E402
from harness.platforms.process.platform import ProcessPlatform  # noqa: E402
from harness.run.liveness import hold  # noqa: E402

folder, run_id = Path(sys.argv[1]), sys.argv[2]
with hold(run_id, folder):
    (folder / "run.jsonl").write_text(json.dumps({"e": "declared", "at": 1, "run": run_id}) + '\n{"e":"pha')
    platform = ProcessPlatform()
    platform.deploy(deployment(folder, run_id=run_id))
    platform.pause("replica-1")
    print("up", flush=True)
    time.sleep(60)
