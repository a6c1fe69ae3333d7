"""Sessions: the contract's part, the workload and the check."""
