"""Lines of carts: the contract's part, the workload and the check."""
