"""Tokens that must be refused: the contract's part, the workload and the check."""
