"""The scenario file, and whether it can be run on a platform."""
