"""Background jobs: the contract's part, the workload and the check."""
