"""Negative controls: realistic bugs, one a file, that a proof of statelessness must find. See catalogue.yaml.

Each module has `apply(parts)`, which exchanges one part of the clean service at its seam (target_service/parts.py). The
name of a defect is the name of its module, with hyphens. A module whose name begins with an underscore holds what
several defects share. Defects work in a declared test (TARGET_TEST_MODE=1) only.
"""
