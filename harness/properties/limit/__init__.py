"""Rate limits: the contract's part, the workload and the check."""
