"""The puppets of docs/extending/platform.md, put into a copy of the harness as the page says, and used by a stranger.

Nothing but the platform's own room, its import and its line in the registry is touched: whatever else knows of the
platform derives that from there. The conformance suite is copied too, and runs on it from its line in `FACTORIES`.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.support.house import changed, copied, harness, python
from tests.support.pages import DOCS, blocks, read
from tests.support.paths import ROOT

PAGE = DOCS / "extending" / "platform.md"
MODULES = ["__init__.py", "description.py", "platform.py"]

USE = """
import json, sys
from pathlib import Path
from harness.errors import EnvironmentFailure, FaultNotSeen
from harness.platforms import PLATFORMS
from harness.platforms.base import Deployment, Program

def told(act):
    try:
        return act()
    except (EnvironmentFailure, FaultNotSeen) as error:
        return f"{type(error).__name__}: {error}"

def states():
    return [(each.name, each.state) for each in platform.members()]

here = Path(sys.argv[1])
launch = lambda slot: Program(["x"], {})
wanted = Deployment("puppets", here, here / "l", 2, 1, here, launch, launch, "/h", "/r")
platform, other = PLATFORMS["puppet"](), PLATFORMS["puppet"]()
seen = {"up": platform.deploy(wanted) or states(), "runs": other.runs(), "left": other.leftovers("puppets")}
seen["again"] = told(lambda: platform.deploy(wanted))
seen["kill"] = [told(lambda: platform.kill("replica-1")), states()[0], platform.ready(platform.members()[0])]
seen["kill again"] = told(lambda: platform.kill("replica-1"))
seen["stop"] = [told(lambda: platform.stop("worker-1", 1)), states()[2]]
seen["left then"] = other.leftovers("puppets")
platform.tear_down()
platform.tear_down()
seen["down"] = [states(), other.runs(), other.leftovers("puppets"), other.remove("puppets")]
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the harness and of the conformance suite, with the page's room and lines in them."""
    folder = copied(tmp_path_factory.mktemp("house"))
    room = folder / "harness" / "platforms" / "puppet"
    room.mkdir()
    names = re.findall(r"^`harness/platforms/puppet/(\w+\.py)`", read(PAGE), re.MULTILINE)
    assert names == MODULES
    for name, module in zip(names, blocks(PAGE, "python"), strict=True):
        (room / name).write_text(module.text, encoding="utf-8")
    imported, line, _, imported_by_tests, line_of_tests = (block.text for block in blocks(PAGE, "text"))
    registry = folder / "harness" / "platforms" / "__init__.py"
    changed(registry, "import PROCESS\n", f"import PROCESS\n{imported}")
    changed(registry, '"kubernetes": KUBERNETES}', f'"kubernetes": KUBERNETES, {line.strip()}}}')
    for part in ("conformance", "support", "services"):
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "tests" / part, folder / "tests" / part, ignore=leave_out)
    suite = folder / "tests" / "support" / "conformance.py"
    changed(suite, "import ProcessPlatform\n", f"import ProcessPlatform\n{imported_by_tests}")
    changed(suite, '    "memory": MemoryPlatform,\n', f'    "memory": MemoryPlatform,\n{line_of_tests}')
    (folder / "target_service").symlink_to(ROOT / "target_service")
    (folder / "scenarios").mkdir()
    return folder


def scenario(house: Path, fault: dict[str, object]) -> Path:
    path = house / "scenarios" / f"{fault['kind']}.yaml"
    written = {
        "title": "Puppets fall",
        "proves": "That a scenario is taken.",
        "target": {"contract": "../target_service/contract.yaml"},
        "load": {"duration_s": 10, "users": 20, "mix": {"session": 1}},
        "faults": [fault],
    }
    path.write_text(yaml.safe_dump(written), encoding="utf-8")
    return path


def test_list_and_doctor_name_the_platform(house: Path) -> None:
    found = json.loads(harness(house, "list", "--json").stdout)
    assert found["platforms"]["puppet"] == "puppets in memory, which answer nothing"
    assert harness(house, "doctor", "--platform", "puppet").returncode == 0


def test_validate_takes_a_kill_and_refuses_a_freeze_as_the_page_says(house: Path) -> None:
    taken = harness(house, "validate", scenario(house, {"kind": "kill", "every": 2}), "--platform", "puppet")
    assert taken.returncode == 0, taken.stderr
    refused = harness(
        house, "validate", scenario(house, {"kind": "pause", "every": 2, "for": 1}), "--platform", "puppet"
    )
    reason = blocks(PAGE, "text")[2].text.strip()
    assert reason.startswith("faults.0 (pause): the platform puppet cannot pause")
    assert refused.returncode == 2 and reason in refused.stderr


def test_a_target_comes_up_is_killed_and_leaves_nothing(house: Path, tmp_path: Path) -> None:
    done = python(house, "-c", USE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "up": [["replica-1", "ready"], ["replica-2", "ready"], ["worker-1", "ready"]],
        "runs": {"puppets": False},
        "left": ["replica-1", "replica-2", "worker-1"],
        "again": "EnvironmentFailure: run puppets: this platform object has deployed already",
        "kill": ["replica-1 lies on the stage", ["replica-1", "killed"], False],
        "kill again": "FaultNotSeen: replica-1 is dead already (killed)",
        "stop": ["worker-1 lies on the stage", ["worker-1", "gone"]],
        "left then": ["replica-2"],
        "down": [[["replica-1", "killed"], ["replica-2", "gone"], ["worker-1", "gone"]], {}, [], []],
    }


def test_the_conformance_suite_passes(house: Path) -> None:
    """Only what needs an ability that puppets have not is skipped: being frozen, and being started by a command."""
    (house / "pytest.ini").write_text(
        "[pytest]\naddopts = --import-mode=importlib -p no:locust -p no:valkey -p no:cacheprovider\n"
        "markers =\n  docker: x\n  kubernetes: x\n",
        encoding="utf-8",
    )
    done = python(house, "-m", "pytest", "-q", "-rs", "tests/conformance/test_platform.py", "-k", "puppet")
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"^(\d+) passed, 2 skipped", done.stdout, re.MULTILINE)
    assert counted and int(counted[1]) >= 10, done.stdout
    assert "puppet cannot freeze a member" in done.stdout and "puppet starts containers, no commands" in done.stdout
