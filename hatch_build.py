"""What goes into the wheel beside the packages: the shipped scenarios, and the reference contract with its files.

They lie in `harness/shipped` and stand to each other as in a checkout, because they name each other by relative paths;
`harness/scenario/shipped.py` finds them. An editable installation uses the checkout itself and gets no copy.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = (
    "scenarios",
    "target_service/contract.yaml",
    "target_service/kubernetes.yaml",
    "target_service/kubernetes-budget.yaml",
    "target_service/defects/catalogue.yaml",
)


class ShippedFiles(BuildHookInterface):
    """Adds the files of `SHIPPED` to a wheel that is not an editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files in `build_data`, which hatchling reads afterwards; `version` is "standard" or "editable"."""
        if version == "standard":
            build_data["force_include"].update({place: f"harness/shipped/{place}" for place in SHIPPED})
