"""Orders that one of many gets: the contract's part, the workload and the check."""
