"""Roles, API keys and the end of all sessions: the contract's part, the workload and the check."""
