"""Runs of runs: every seeded defect is caught, the clean service is valid."""
