"""What can be done to a target on purpose. To add a fault: one module here, one line in `FAULTS`, one test."""

from __future__ import annotations

from harness.faults.base import Fault
from harness.faults.cut import Cut
from harness.faults.kill import Kill
from harness.faults.noop import Noop
from harness.faults.pause import Pause
from harness.faults.restart import Restart
from harness.faults.roll import Roll
from harness.faults.scale import Scale
from harness.faults.stop import Stop
from harness.faults.switch import Switch

FAULTS: dict[str, type[Fault]] = {
    "kill": Kill,
    "stop": Stop,
    "pause": Pause,
    "cut": Cut,
    "scale": Scale,
    "restart": Restart,
    "roll": Roll,
    "switch": Switch,
    "noop": Noop,
}
