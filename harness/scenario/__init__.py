"""The scenario file, and the answer to whether a platform can run the scenario."""
