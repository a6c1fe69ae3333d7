"""What can be done to a target on purpose. To add a fault: one module here, one line in `FAULTS`, one test."""

from __future__ import annotations

from harness.faults.base import Fault
from harness.faults.kill import Kill
from harness.faults.noop import Noop
from harness.faults.pause import Pause
from harness.faults.scale import Scale
from harness.faults.stop import Stop

FAULTS: dict[str, type[Fault]] = {"kill": Kill, "stop": Stop, "pause": Pause, "scale": Scale, "noop": Noop}
