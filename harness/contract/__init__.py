"""A service as the harness knows it: through its contract, never through its code."""

from harness.contract.model import Contract
from harness.contract.read import read_contract
from harness.http.operation import Operation

__all__ = ["Contract", "Operation", "read_contract"]
