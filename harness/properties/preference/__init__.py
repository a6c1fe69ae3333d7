"""One value a user: the contract's part, the workload and the check."""
