"""Idempotent requests: the contract's part, the workload and the check."""
