"""What a run changed of a target that ran before it, told from what its owner changed since. Pure.

Whatever a run writes bears its mark, in the same request: the number of pods it set, the template it renewed, the
selector it pointed elsewhere. What bears none, or says something else by now than the run wrote, is its owner's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.platforms.kubernetes import manifests
from harness.platforms.kubernetes.manifests import RENEWED, RUN, SCALED, SELECTED, VARIABLES

Object = dict[str, Any]


@dataclass
class Undo:
    """`patch` undoes what the run did, as a JSON patch; `left` names the parts that somebody else changed."""

    patch: list[Object] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def parts(self) -> list[str]:
        """The parts that get again what they had."""
        return [each["path"].rpartition("/")[2] for each in self.patch if each["op"] == "replace"]

    def _put(self, part: str, value: object) -> None:
        self.patch.append({"op": "replace", "path": f"/spec/{part}", "value": value})

    def _unmark(self, name: str) -> None:
        self.patch.append({"op": "remove", "path": f"/metadata/annotations/{name.replace('/', '~1')}"})


def of_deployment(found: Object, was: Mapping[str, Any], run: str) -> Undo:
    """Return what undoes a run's changes of a Deployment.

    Args:
        found: The Deployment as it is.
        was: Its `replicas` and `template` as they were noted; None where nothing is noted.
        run: The run.
    """
    undo, spec = Undo(), found["spec"]
    marks = found["metadata"].get("annotations") or {}
    count, mark = spec.get("replicas"), str(marks.get(SCALED, ""))
    if was.get("replicas") not in (None, count):
        if mark == manifests.marked(count, run):
            undo._put("replicas", was["replicas"])
        else:
            undo.left.append("replicas")
    if manifests.is_marked(mark, run):
        undo._unmark(SCALED)
    if was.get("template") not in (None, spec["template"]):
        if _is_renewed(spec["template"], was["template"], run):
            undo._put("template", was["template"])
        else:
            undo.left.append("template")
    return undo


def _is_renewed(template: Object, was: Object, run: str) -> bool:
    """Say whether a `roll` of the run is all that differs. Its stamp stays in what an owner applies over it."""
    marks = (template.get("metadata") or {}).get("annotations") or {}
    given = frozenset(str(marks.get(VARIABLES, "")).split())
    is_runs = manifests.is_marked(str(marks.get(RENEWED, "")), run)
    return is_runs and _without(template, given) == _without(was, given)


def _without(template: Object, variables: frozenset[str]) -> Object:
    """Return the rest of a template, without the stamp of a `roll` and the variables that the roll gave."""
    rest = copy.deepcopy(template)
    metadata = rest.get("metadata") or {}
    kept = {key: each for key, each in (metadata.get("annotations") or {}).items() if key not in (RENEWED, VARIABLES)}
    rest["metadata"] = {**metadata, "annotations": kept}
    container = rest["spec"]["containers"][0]
    # Where the server puts a new variable among the others is its own affair.
    container["env"] = {each["name"]: each for each in container.get("env") or [] if each["name"] not in variables}
    return rest


def of_service(found: Object, was: Mapping[str, str], run: str) -> Undo:
    """Return what undoes a run's changes of a Service that had this selector."""
    undo, selector = Undo(), found["spec"].get("selector") or {}
    back = selector
    if (found["metadata"].get("annotations") or {}).get(RUN) == run:
        back = {key: each for key, each in selector.items() if key not in SELECTED}
        back |= {key: each for key, each in was.items() if key in SELECTED}
        if back != selector:
            undo._put("selector", back)
        undo._unmark(RUN)
    if back != was:
        undo.left.append("selector")
    return undo
