"""The contract: the only way in which the harness knows a service, never through the service's code."""

from harness.contract.model import Contract
from harness.contract.read import read_contract
from harness.http.operation import Operation

__all__ = ["Contract", "Operation", "read_contract"]
