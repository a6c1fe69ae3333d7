"""Negative controls: realistic bugs, one a file, that a proof of statelessness must find. See catalogue.yaml.

Each module has `apply(parts)`, which exchanges one part of the clean service at its seam (target_service/parts.py).
Its name is the module's, with hyphens; one that begins with an underscore is what several share. They work in a
declared test (TARGET_TEST_MODE=1) only.
"""
