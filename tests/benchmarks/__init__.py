"""Benchmarks of the harness itself: each prints ratios that are measured in one run on pinned cores."""
